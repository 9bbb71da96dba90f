"""The part of a page that is about one strategy; the pages of one and of several share it."""

from typing import Any

from forecasting.backtest.book import Backtest
from forecasting.backtest.figures.equity import equity_figure
from forecasting.backtest.figures.gallery import FIGURES
from forecasting.report import strategy_tables, tables
from forecasting.report.alt_texts import ALT_TEXTS
from forecasting.report.pictures import Picture, picture
from forecasting.report.strategy_words import verdict_sentences


def strategy_part(book: Backtest) -> dict[str, Any]:
    """What the templates `account` and `luck` show of a backtest."""
    month_heads, months = strategy_tables.monthly_rows(book)
    what_if = book.what_if
    return {
        "name": book.strategy,
        "title": tables.describe_strategy(book),
        "contract": f"{book.timing} {book.cost_words}",
        "verdicts": verdict_sentences(book),
        "numbers": strategy_tables.key_numbers(book),
        "comparisons": tables.comparison_table(book),
        "relative": strategy_tables.relative_table(book),
        "month_heads": month_heads,
        "months": months,
        "drawdowns": strategy_tables.drawdown_table(book),
        "random": what_if.random.sentence() if book.n_random else "",
        "by_cost": strategy_tables.sensitivity_table(what_if.by_cost, "bps"),
        "by_delay": strategy_tables.sensitivity_table(what_if.by_delay, "bars later"),
        "capacity": strategy_tables.capacity_table(book),
        "capacity_words": what_if.capacity.sentence(),
        "counts": strategy_tables.counts_table(book),
        "terms": strategy_tables.terms(book),
        "pictures": pictures(book),
    }


def pictures(book: Backtest) -> dict[str, Picture]:
    """The figures of the page by their name in the gallery, without those that have no numbers."""
    absent = set()
    if not book.n_random or not len(book.what_if.random.sharpes):
        absent.add("random")
    if not len(book.what_if.capacity.capitals):
        absent.add("capacity")
    figures = {name: FIGURES[name] for name in ALT_TEXTS if name not in absent}
    # Timing, costs and verdicts stand on the page in letters of its own.
    figures["equity"] = lambda book: equity_figure(book.equity, book.stats["sharpe"])
    return {name: picture(draw(book), ALT_TEXTS[name](book)) for name, draw in figures.items()}
