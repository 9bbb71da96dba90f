"""The table of daily bars: the reference beside its twins and every baseline.

`daily` trains on us40 and `broad_taught` on us190; both are judged on the tickers of us40 and have
the same floors. `sample` is what anyone has: the 20 bundled stocks. Two questions are asked of
networks without teachers, a fifth of the work: `stacks`, what another stack of layers would do, and
`broad`, how much of `broad_taught` is due to its tickers.
"""

from collections.abc import Sequence

from benchmarks.outcome import Row
from benchmarks.skill_judging import judge
from benchmarks.skill_rows import DAILY, Floors, judged_rows
from benchmarks.skill_setting import (
    DAILY_DATES,
    RECIPES,
    REFERENCE,
    SAMPLE_DATES,
    STACKS,
    US40,
    US190,
    Setting,
)
from benchmarks.skill_training import Models, enter_all, train_entries
from forecasting.config import Recipe
from forecasting.market.panel import Panel
from forecasting.market.sources import load_prices
from forecasting.workflow.parent_run import open_parent_run

BROAD = "broad"
SINCE = DAILY_DATES[1]
"""First day after the last validation span."""


def daily(setting: Setting) -> list[Row]:
    """Trained and judged on us40."""
    recipes = [setting.recipe(name, DAILY_DATES) for name in RECIPES]
    return _measure("daily", setting, recipes, setting.daily_prices(US40), DAILY)


def stacks(setting: Setting) -> list[Row]:
    """Every stack of layers, without teachers, trained and judged on us40."""
    recipes = [setting.recipe(name, DAILY_DATES, teachers=False) for name in STACKS]
    return _measure("stacks", setting, recipes, setting.daily_prices(US40), Floors())


def broad(setting: Setting) -> list[Row]:
    """Trained on us190, without teachers, judged on the tickers of us40."""
    return _broadly(BROAD, setting, Floors(), teachers=False)


def broad_taught(setting: Setting) -> list[Row]:
    """As `broad`, with teachers."""
    return _broadly("broad_taught", setting, DAILY, teachers=True)


def sample(setting: Setting) -> list[Row]:
    """Trained and judged on the bundled stocks: on all unseen years, and on the last ones again.

    The settings were chosen on the validation years of us40, which the test span here contains;
    from `SINCE` on no year has chosen anything.
    """
    recipes = [setting.recipe(name, SAMPLE_DATES) for name in RECIPES]
    prices = setting.prices(load_prices("sample"), SAMPLE_DATES)
    rows = _measure("sample", setting, recipes, prices, Floors())
    if setting.quick:
        return rows
    return [*rows, *_measure("sample", setting, recipes, prices, Floors(), since=SINCE)]


def broad_models(setting: Setting, prices: Panel, parent: str) -> Models:
    """The reference trained on us190; what `broad` has trained is taken as it is."""
    recipe = setting.recipe(REFERENCE, DAILY_DATES, teachers=False)
    entries = enter_all(setting, setting.folder(BROAD), [recipe], prices)
    return train_entries(entries, setting, parent)


def _broadly(part: str, setting: Setting, floors: Floors, *, teachers: bool) -> list[Row]:
    recipes = [setting.recipe(name, DAILY_DATES, teachers=teachers) for name in RECIPES]
    tickers = setting.daily_prices(US40).tickers
    return _measure(part, setting, recipes, setting.daily_prices(US190), floors, tickers)


def _measure(
    part: str,
    setting: Setting,
    recipes: Sequence[Recipe],
    prices: Panel,
    floors: Floors,
    tickers: Sequence[str] | None = None,
    since: str | None = None,
) -> list[Row]:
    folder = setting.folder(part)
    entries = enter_all(setting, folder, recipes, prices)
    with open_parent_run("comparison", folder, resume=True) as run:
        models = train_entries(entries, setting, run.run_id)
        judged = judge(models, setting.seeds, prices, run.run_id, tickers=tickers, since=since)
    return judged_rows(part if since is None else f"{part} since {since}", judged, floors)
