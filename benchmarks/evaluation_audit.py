"""The leak audit: how long ten tests of a `jamba-tiny` on the bundled sample take.

    python -m benchmarks.evaluation_audit [--json] [--model FOLDER]

Without a model one is trained for a few steps, which is not counted: an audit costs the same
whatever the weights. Wall time and CPU time of one run in this process, from loaded prices to the
stamp, the trainings on simulated markets included; nothing is tracked.
"""

import argparse
import itertools
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.outcome import Row, conclude
from forecasting.config import load_recipe
from forecasting.forecaster.model_folder import ModelFiles, write_folder
from forecasting.forecaster.network_forecaster import NetworkForecaster, load_forecaster
from forecasting.market.panel import Panel
from forecasting.market.sources import load_prices
from forecasting.training.examples import prepare
from forecasting.training.fit import fit
from forecasting.workflow.audit.audit import SLOW, audit

FLOOR = 120
_STEPS = ("training.max_steps=5", "training.validate_every=5")


def measure(model: Path | None = None) -> list[Row]:
    """Audit a model on the bundled sample; trains one if none is given."""
    prices = load_prices("sample")
    begun: list[tuple[str, float]] = []
    with TemporaryDirectory() as folder:
        audited = load_forecaster(model) if model else _trained(prices, Path(folder))
        busy = time.process_time()
        made = audit(
            audited,
            prices,
            track=False,
            progress=lambda words, done, total: begun.append((words, time.perf_counter())),
        )
        busy = time.process_time() - busy
    lasted = {name: later - at for (name, at), (_, later) in itertools.pairwise(begun)}
    case = f"audit of {audited.name}"
    return [
        Row(case, "seconds", sum(lasted.values()), "s", made.headline, FLOOR),
        Row(case, "CPU seconds", busy, "s", f"{len(prices.tickers)} tickers"),
        Row(case, "of trainings", sum(lasted[name] for name in SLOW), "s", ", ".join(SLOW)),
    ]


def _trained(prices: Panel, folder: Path) -> NetworkForecaster:
    """A `jamba-tiny` after a few steps."""
    recipe = load_recipe("jamba-tiny", _STEPS)
    examples = prepare(recipe, prices)
    fitted = fit(
        recipe, examples.sequences, examples.split, checkpoints=folder / "steps", progress=False
    )
    data = recipe.data.model_copy(update={"features": examples.corpus.features})
    files = ModelFiles(recipe.model_copy(update={"data": data}), examples.corpus, {}, "")
    write_folder(folder / "model", files, fitted.network.state_dict())
    return load_forecaster(folder / "model")


def main() -> int:
    """Run the case."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", dest="as_json")
    parser.add_argument("--model", type=Path, help="folder of a trained model; it gets the stamp")
    chosen = parser.parse_args()
    return conclude(measure(chosen.model), as_json=chosen.as_json)


if __name__ == "__main__":
    sys.exit(main())
