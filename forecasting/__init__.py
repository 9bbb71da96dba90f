"""Honest stock forecasting on a Jamba-style hybrid of state spaces, attention and experts.

    import forecasting as fc

    prices = fc.load(["AAPL", "MSFT", "JPM"])  # or, after fc.fetch([...]), fc.load(source="store")
    fc.inspect(prices)
    model = fc.train(prices, out="runs/mine")
    fan = model.forecast(prices)
    score = fc.evaluate(model, prices)
    book = fc.backtest(model, prices, strategy="long_short", cost_bps=5)
    fc.report(model, prices, "report.html")
    fc.audit(model, prices).table()  # has anything seen the future?
    fc.compare(prices, ["jamba-small", "transformer-small"]).table()
    fc.walk_forward(prices, ["jamba-tiny"]).table()  # refitted fold after fold
    fc.sweep(model, prices, {"top_k": [1, 3, 5]}).luck  # what the best of a search is worth

Rooms, from the top; each looks down only:

    cli, workflow                      the command line; the product in verbs
    serving, report                    MLflow model; single-file HTML report
    training, evaluation, backtest     Lightning and MLflow; baselines and verdicts; strategies
    forecaster                         a trained model folder: load, save, forecast
    nn, forecast                       the network (torch only); the `Forecast` value
    kernels, market                    selective scan; prices, features, targets, splits
    config, errors, paths
"""

import os
import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# OpenMP threads that wait by spinning make a training step on a shared machine ten to twenty times
# slower than ones that sleep. Read when torch loads; what the user has set stays.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

if TYPE_CHECKING:
    from forecasting.evaluation.calibration.calibrate import calibrate as calibrate
    from forecasting.forecast.forecast import Forecast as Forecast
    from forecasting.forecaster.inside.look_inside import look_inside as look_inside
    from forecasting.forecaster.network_forecaster import load_forecaster as load_model
    from forecasting.forecaster.stream import StreamingForecaster as StreamingForecaster
    from forecasting.market.checks.inspection import inspect as inspect
    from forecasting.market.fetching.fetch import fetch as fetch
    from forecasting.market.panel import Panel as Panel
    from forecasting.market.simulation import simulate as simulate
    from forecasting.training.train import train as train
    from forecasting.training.trial_ledger import trials as trials
    from forecasting.workflow.audit.audit import audit as audit
    from forecasting.workflow.backtesting import backtest as backtest
    from forecasting.workflow.chosen_in_folds import chosen_in_folds as chosen_in_folds
    from forecasting.workflow.compare import compare as compare
    from forecasting.workflow.judging import evaluate as evaluate
    from forecasting.workflow.judging import report as report
    from forecasting.workflow.loading import load as load
    from forecasting.workflow.paper_orders import paper_orders as paper_orders
    from forecasting.workflow.rerun import rerun as rerun
    from forecasting.workflow.sweep import sweep as sweep
    from forecasting.workflow.walk_forward.walk_forward import walk_forward as walk_forward

_FACE = {
    "Forecast": "forecasting.forecast.forecast:Forecast",
    "Panel": "forecasting.market.panel:Panel",
    "StreamingForecaster": "forecasting.forecaster.stream:StreamingForecaster",
    "audit": "forecasting.workflow.audit.audit:audit",
    "backtest": "forecasting.workflow.backtesting:backtest",
    "calibrate": "forecasting.evaluation.calibration.calibrate:calibrate",
    "chosen_in_folds": "forecasting.workflow.chosen_in_folds:chosen_in_folds",
    "compare": "forecasting.workflow.compare:compare",
    "evaluate": "forecasting.workflow.judging:evaluate",
    "fetch": "forecasting.market.fetching.fetch:fetch",
    "inspect": "forecasting.market.checks.inspection:inspect",
    "load": "forecasting.workflow.loading:load",
    "load_model": "forecasting.forecaster.network_forecaster:load_forecaster",
    "look_inside": "forecasting.forecaster.inside.look_inside:look_inside",
    "paper_orders": "forecasting.workflow.paper_orders:paper_orders",
    "report": "forecasting.workflow.judging:report",
    "rerun": "forecasting.workflow.rerun:rerun",
    "simulate": "forecasting.market.simulation:simulate",
    "sweep": "forecasting.workflow.sweep:sweep",
    "train": "forecasting.training.train:train",
    "trials": "forecasting.training.trial_ledger:trials",
    "walk_forward": "forecasting.workflow.walk_forward.walk_forward:walk_forward",
}
__all__ = ["Forecast", "Panel", "StreamingForecaster", "__version__", "audit", "backtest"]
__all__ += ["calibrate", "chosen_in_folds", "compare", "evaluate", "fetch", "inspect", "load"]
__all__ += ["load_model", "look_inside", "paper_orders", "report", "rerun", "simulate", "sweep"]
__all__ += ["train", "trials", "walk_forward"]


class _Face(ModuleType):
    """Public names, imported at first use so that `import forecasting` stays cheap."""

    def __getattr__(self, name: str) -> Any:
        if name not in _FACE:
            raise AttributeError(f"module 'forecasting' has no attribute {name!r}")
        module, _, attribute = _FACE[name].partition(":")
        return getattr(import_module(module), attribute)

    def __setattr__(self, name: str, value: Any) -> None:
        # Importing the room `backtest` would hide the verb `fc.backtest`, `report` likewise.
        if not (name in _FACE and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted(__all__)


sys.modules[__name__].__class__ = _Face
