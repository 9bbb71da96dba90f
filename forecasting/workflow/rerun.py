"""Run an old run again: its prices, its model, its forecasts, and whether they are the same.

A run of `train` keeps all that its forecasts depend on: which bars (`PriceRecord`), the weights and
the recipe, and the environment. What it logged is compared with what is computed now bit by bit.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import torch

from forecasting.errors import DataError, TrackingError
from forecasting.forecaster.network_forecaster import NetworkForecaster, load_forecaster
from forecasting.market.panel import Panel
from forecasting.market.price_record import PriceRecord
from forecasting.training.environment import environment
from forecasting.training.past_runs import PastRun, find_run, runs_below
from forecasting.training.tracking import provenance
from forecasting.training.train import ENVIRONMENT, FORECASTS, PRICES
from forecasting.workflow.agreement import Agreement, compare_forecasts, compare_weights
from forecasting.workflow.retraining import train_again

Progress = Callable[[str], None]

_THREADS = f"{ENVIRONMENT}threads"


@dataclass(frozen=True)
class Rerun:
    """An old run beside the same run now.

    Attributes:
        run_id: The run.
        name: Its name.
        source: Its prices' source, in words.
        vintage: Hash of its prices, which were read again and are the same.
        forecasts: Those that the run logged, and those that its model makes now.
        weights: Those that the run logged, and those of a training that was repeated; None unless
            it was asked for.
        trained_forecasts: Those that the run logged, and those of the repeated training's model.
        notes: What is not as it was: version, commit, packages, hardware.
    """

    run_id: str
    name: str
    source: str
    vintage: str
    forecasts: Agreement
    weights: Agreement | None
    trained_forecasts: Agreement | None
    notes: tuple[str, ...]

    @property
    def identical(self) -> bool:
        """Whether nothing differs in any bit."""
        made = (self.forecasts, self.weights, self.trained_forecasts)
        return all(each.identical for each in made if each is not None)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, the findings as dictionaries."""
        return asdict(self) | {"identical": self.identical}


def rerun(
    run: str,
    *,
    prices: Panel | None = None,
    train: bool = False,
    progress: Progress | None = None,
) -> Rerun:
    """Make an old run's forecasts again, on its own prices, and compare them bit by bit.

    The prices are read again as the run recorded them: of the store the very generation that was
    current then, whatever was fetched since. Their vintage has to be the run's. The model is the
    one that the run logged, not what lies in its folder by now. torch computes with as many threads
    as it did then, as the number moves the last bits.

    Args:
        run: Run id, its first characters, or a model that the run made.
        prices: The panel, for a run whose prices were made in memory.
        train: Also repeat the training, in a folder that is removed afterwards, untracked.
        progress: Called with a few words before each step that takes time.

    Raises:
        ConfigError: The model that a repeated training starts from is gone.
        DataError: The prices are gone, or are others by now.
        TrackingError: There is no such run, it made no forecasts, or the store cannot be reached.
    """
    say = progress or (lambda words: None)
    say("looking for the run")
    past = find_run(run)
    record = _record(past)
    say("reading its prices")
    panel = _prices(past, record, prices)
    logged = past.read_table(FORECASTS)
    weights = trained_forecasts = None
    with TemporaryDirectory() as place, _threads(past):
        model = load_forecaster(past.fetch_model(Path(place) / "model"))
        say(f"forecasts of {model.name}")
        forecasts = compare_forecasts(logged, _forecasts(model, panel))
        if train:
            say(f"training {model.name}")
            trained = train_again(past, model, panel, Path(place))
            weights = compare_weights(model.network.state_dict(), trained.network.state_dict())
            trained_forecasts = compare_forecasts(logged, _forecasts(trained, panel))
        notes = _changes(past)
    return Rerun(
        run_id=past.run_id,
        name=past.name,
        source=panel.source,
        vintage=panel.vintage,
        forecasts=forecasts,
        weights=weights,
        trained_forecasts=trained_forecasts,
        notes=notes,
    )


def _record(past: PastRun) -> PriceRecord:
    """What the run says of its prices."""
    files = past.files()
    if f"{FORECASTS}.parquet" not in files:
        raise TrackingError(_why_no_forecasts(past))
    if f"{PRICES}.json" not in files:
        raise TrackingError(
            f"run {past.label} does not say where its prices are: it was made by an earlier "
            f"version ({past.params.get('version', 'unknown')}). Train again to have such a run."
        )
    try:
        return PriceRecord.from_dict(past.read_json(PRICES))
    except (KeyError, TypeError) as error:
        raise past.damaged(f"{PRICES}.json") from error


def _why_no_forecasts(past: PastRun) -> str:
    if trainings := runs_below(past):
        listed = ", ".join(run.label for run in trainings[:5])
        return (
            f"run {past.label} is a comparison, whose trainings are runs of their own: expected "
            f"one of these, {listed}."
        )
    if past.status != "FINISHED":
        return (
            f"run {past.label} made no forecasts, it is {past.status.lower()}: expected a training "
            "that ended. Continue it with --resume, or choose another run."
        )
    return f"run {past.label} made no forecasts: expected a training. Choose another run."


def _prices(past: PastRun, record: PriceRecord, given: Panel | None) -> Panel:
    """The run's prices, proven to be them."""
    try:
        if given is None:
            return record.load()
        record.require_same(given)
    except DataError as error:
        raise DataError(f"the prices of run {past.label}: {error}") from error
    return given


def _forecasts(model: NetworkForecaster, panel: Panel) -> pd.DataFrame:
    """The forecasts that a training logs."""
    return model.forecast(panel).between(model.corpus.validation_start).to_frame()


@contextmanager
def _threads(past: PastRun) -> Iterator[None]:
    """Let torch compute with as many threads as it did then."""
    before = torch.get_num_threads()
    torch.set_num_threads(int(past.params.get(_THREADS, before)))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _changes(past: PastRun) -> tuple[str, ...]:
    """What is not as it was, in sentences."""
    now = provenance() | {f"{ENVIRONMENT}{name}": value for name, value in environment().items()}
    notes = [
        f"{name.removeprefix(ENVIRONMENT)}: {past.params.get(name, 'unknown')} then, {value} now."
        for name, value in now.items()
        if past.params.get(name) != value
    ]
    if past.params.get("git_commit", "").endswith("-dirty"):
        notes.append("The run's code had changes beyond its commit: which ones is not known.")
    return tuple(notes)
