"""`forecasting doctor`: what this machine runs the network with, and why not with more."""

from forecasting.cli import options


def doctor(as_json: options.Json = False) -> None:
    """Say which back-ends the selective scan has, which one runs, and why the others do not."""
    import pandas as pd

    from forecasting.cli.printing import print_json, print_notes, print_table
    from forecasting.kernels.doctor import examine

    found = examine()
    if as_json:
        print_json(found)
        return
    print_table(
        pd.DataFrame(found["backends"])[["device", "backend", "state", "error", "reason"]],
        {"error": ".1e"},
        title="Selective scan",
    )
    print_notes(
        [
            f"{name}: {value}"
            for name, value in found.items()
            if name != "backends" and value is not None
        ]
    )
