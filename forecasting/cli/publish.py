"""`forecasting publish`: a trained model made ready for others."""

from pathlib import Path
from typing import Annotated

import typer

from forecasting.cli import options


def publish(
    model: options.Model,
    out: Annotated[Path, typer.Option(help="Folder to write; a recipe that it has stays.")],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the model in --out.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Copy an audited model for others.

    Recipe, weights, manifest, card and audit, without what belongs to this machine. The model in
    --out is replaced only when the new one is complete.
    """
    from forecasting.cli.printing import print_json
    from forecasting.cli.progress import progress_line

    with progress_line("publishing", visible=not as_json):
        from forecasting.forecaster.model_folder import WEIGHTS
        from forecasting.workflow.publishing import publish as publish_model

        made = publish_model(model, out, overwrite=overwrite)
    size = (out / WEIGHTS).stat().st_size
    if as_json:
        print_json({"model": str(out), "weights_bytes": size, "metrics": made.files.metrics})
        return
    print(f"{made.name} in {out}: {size / 2**20:.2f} MiB of weights")
    print(f"next: forecasting forecast {out}")
