"""The table of daily bars: the reference beside its twins and every baseline.

`daily` trains on us40, `broad` on us190 and is judged on the same tickers; whichever the shipped
default is trained on has to reach the floors. `sample` is what anyone has: the 20 bundled stocks.
"""

from collections.abc import Sequence

from benchmarks.outcome import Row
from benchmarks.skill_judging import judge
from benchmarks.skill_rows import DAILY, Floors, judged_rows
from benchmarks.skill_setting import (
    DAILY_DATES,
    MEMORYLESS,
    RECIPES,
    REFERENCE,
    SAMPLE_DATES,
    TWIN,
    US40,
    US190,
    Setting,
    bench_prices,
)
from benchmarks.skill_training import Models, enter_all, train_entries
from forecasting.market.panel import Panel
from forecasting.market.sources import load_prices
from forecasting.workflow.parent_run import open_parent_run

BROAD = "broad"
_BROAD_RECIPES = (REFERENCE, TWIN, MEMORYLESS)


def daily(setting: Setting) -> list[Row]:
    """Trained and judged on us40."""
    return _measure("daily", setting, bench_prices(US40), RECIPES, DAILY_DATES, DAILY)


def broad(setting: Setting) -> list[Row]:
    """Trained on us190, judged on the tickers of us40."""
    tickers = bench_prices(US40).tickers
    prices = bench_prices(US190)
    return _measure(BROAD, setting, prices, _BROAD_RECIPES, DAILY_DATES, DAILY, tickers)


def sample(setting: Setting) -> list[Row]:
    """Trained and judged on the bundled stocks."""
    return _measure("sample", setting, load_prices("sample"), RECIPES, SAMPLE_DATES, Floors())


def broad_models(setting: Setting, prices: Panel, parent: str) -> Models:
    """The reference trained on us190; what `broad` has trained is taken as it is."""
    recipe = setting.recipe(REFERENCE, DAILY_DATES)
    entries = enter_all(setting, setting.folder(BROAD), [recipe], prices)
    return train_entries(entries, setting, parent)


def _measure(
    part: str,
    setting: Setting,
    prices: Panel,
    names: Sequence[str],
    dates: tuple[str, str],
    floors: Floors,
    tickers: Sequence[str] | None = None,
) -> list[Row]:
    folder = setting.folder(part)
    recipes = [setting.recipe(name, dates) for name in names]
    entries = enter_all(setting, folder, recipes, prices)
    with open_parent_run("comparison", folder, resume=True) as run:
        models = train_entries(entries, setting, run.run_id)
        judged = judge(models, setting.seeds, prices, run.run_id, tickers=tickers)
    return judged_rows(part, judged, floors)
