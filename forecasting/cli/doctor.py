"""`forecasting doctor`: what this machine runs the network with, and why not with more."""

from forecasting.cli import options


def doctor(as_json: options.Json = False) -> None:
    """Say which back-ends the selective scan has, which one runs, and why the others do not."""
    from forecasting.cli.printing import print_json, print_notes, print_table
    from forecasting.kernels.doctor import examine
    from forecasting.report.tables import Table

    found = examine()
    if as_json:
        print_json(found)
        return
    rows = [
        (
            each["device"],
            each["backend"],
            each["state"],
            "" if each["error"] is None else f"{each['error']:.1e}",
        )
        for each in found["backends"]
    ]
    print_table(Table(("device", "scan back-end", "state", "error"), rows))
    reasons = (
        f"{each['backend']} on {each['device']}: {each['reason']}"
        for each in found["backends"]
        if each["reason"]
    )
    facts = (f"{k}: {v}" for k, v in found.items() if k != "backends" and v is not None)
    print_notes([*reasons, *facts])
