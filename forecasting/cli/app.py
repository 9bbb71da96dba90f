"""The verbs together, and what becomes of errors: one line, exit 1; wrong usage exits with 2."""

import sys
import warnings
from collections.abc import Sequence
from typing import Annotated

import typer

from forecasting import __version__
from forecasting.cli.audit import audit
from forecasting.cli.backtest import backtest
from forecasting.cli.compare import compare
from forecasting.cli.data import data
from forecasting.cli.doctor import doctor
from forecasting.cli.evaluate import evaluate
from forecasting.cli.features import features
from forecasting.cli.fetch import fetch
from forecasting.cli.forecast import forecast
from forecasting.cli.help_panels import PanelledCommand
from forecasting.cli.models import models
from forecasting.cli.publish import publish
from forecasting.cli.report import report
from forecasting.cli.rerun import rerun
from forecasting.cli.train import train
from forecasting.cli.trials import trials
from forecasting.cli.walk_forward import walk_forward
from forecasting.errors import ForecastingError

app = typer.Typer(
    name="forecasting",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def print_version(wanted: bool) -> bool:
    """Print the version and exit, if wanted."""
    if wanted:
        print(__version__)
        raise typer.Exit()
    return wanted


@app.callback()
def about(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", is_eager=True, callback=print_version),
    ] = False,
) -> None:
    """Honest stock forecasting: distributions, verdicts against baselines, costed backtests."""


for verb in (
    fetch,
    train,
    evaluate,
    audit,
    compare,
    walk_forward,
    forecast,
    backtest,
    report,
    publish,
    models,
    rerun,
    trials,
    features,
    doctor,
):
    app.command(cls=PanelledCommand)(verb)
app.add_typer(data, name="data")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 fine, 1 an error of data or settings, 2 wrong usage."""
    try:
        with warnings.catch_warnings():
            # Those of other packages are for programmers; our own are notes beside the numbers.
            if not sys.warnoptions:
                warnings.simplefilter("ignore")
            app(args=arguments, prog_name="forecasting")
    except ForecastingError as error:
        _fail(str(error))
    except OSError as error:
        # A full disk, a lost permission: the outside world's, wherever it is met.
        place = f"{error.filename}: " if error.filename else ""
        _fail(f"{place}{error.strerror or error}. Check the path, its permissions and the space.")


def _fail(message: str) -> None:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(1)
