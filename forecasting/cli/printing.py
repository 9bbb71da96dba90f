"""Tables and notes for people, JSON for scripts."""

import json
import shutil
import sys
import textwrap
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:  # they take seconds to import, which an error should not have to wait for
    from forecasting.backtest.book import Backtest
    from forecasting.evaluation.evaluation import Evaluation
    from forecasting.report.tables import Table
    from forecasting.workflow.paper_orders import PaperOrders

_WIDEST = 100


def print_json(payload: Mapping[str, Any]) -> None:
    """Print one JSON object; NaN becomes null, times become ISO text."""
    sys.stdout.write(json.dumps(plain(payload), indent=1, allow_nan=False) + "\n")


def plain(value: Any) -> Any:
    """The value in JSON's own types."""
    if isinstance(value, pd.DataFrame):
        return [plain(row) for row in value.to_dict(orient="records")]
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.datetime64 | pd.Timestamp):
        return pd.Timestamp(value).isoformat()
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    if isinstance(value, np.integer | np.bool_):
        return value.item()
    return value


def layout(heads: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Lines of a table: numbers to the right, words to the left, never a cell cut.

    Columns stand two spaces apart, or one where the table would be wider than `width`.
    """
    columns = [[head, *cells] for head, *cells in zip(heads, *rows, strict=True)]
    widths = [max(map(len, column)) for column in columns]
    gap = "  " if sum(widths) + 2 * (len(widths) - 1) <= width else " "
    to_left = [
        k == 0 or any(character.isalpha() for cell in column[1:] for character in cell)
        for k, column in enumerate(columns)
    ]
    return [
        gap.join(
            cell.ljust(wide) if left else cell.rjust(wide)
            for cell, wide, left in zip(line, widths, to_left, strict=True)
        ).rstrip()
        for line in (heads, *rows)
    ]


def print_rows(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table of texts."""
    print("\n".join(layout(heads, rows, _width())))


def print_table(table: "Table") -> None:
    """Print a report's table."""
    print_rows(table.heads, table.rows)


def print_entries(entries: Sequence[tuple[str, Sequence[str]]]) -> None:
    """Print names, and beside each its paragraphs, wrapped."""
    indent = max(len(name) for name, _ in entries) + 2
    for name, paragraphs in entries:
        for k, paragraph in enumerate(paragraphs):
            head = name if k == 0 else ""
            print(
                textwrap.fill(
                    paragraph,
                    _width(),
                    initial_indent=head.ljust(indent),
                    subsequent_indent=" " * indent,
                    break_on_hyphens=False,
                    break_long_words=False,
                )
            )


def print_text(text: str) -> None:
    """Print a sentence or more, wrapped."""
    print(textwrap.fill(text, _width(), break_on_hyphens=False, break_long_words=False))


def print_notes(notes: Sequence[str]) -> None:
    """Print sentences that belong to the numbers above, each once."""
    for note in dict.fromkeys(notes):
        print(
            textwrap.fill(
                note,
                _width(),
                initial_indent="- ",
                subsequent_indent="  ",
                break_on_hyphens=False,
                break_long_words=False,
            )
        )


def print_evaluation(made: "Evaluation") -> None:
    """Print the audit's stamp, scores and verdicts, and what has to be known."""
    from forecasting.market.panel import day
    from forecasting.report import captions, tables

    _print_audit(made.notes)
    loud, notes = captions.warnings_first(made.notes)
    chosen = captions.chosen(made.notes)
    print_text(
        f"{made.model}: {captions.counted(len(made.tickers), 'ticker')}, {day(made.start)} to "
        f"{day(made.end)}, {captions.counted(made.n_dates, 'date')}"
    )
    print_notes(loud)
    for horizon in made.horizons:
        print(f"\n{captions.ahead(horizon)} ahead")
        print_table(tables.score_table(made, horizon))
    print()
    print_notes(captions.overall(made))
    print()
    print_table(tables.calibration_table(made))
    print()
    print_table(tables.conformal_table(made))
    print()
    print_table(tables.location_table(made))
    print()
    print_notes(captions.parts(made))
    print()
    print_text(captions.summary(made))
    legend = [captions.scores(made.model), captions.CALIBRATION, captions.CONFORMAL]
    legend.append(captions.LOCATION)
    print_notes([*legend, chosen, *notes])


def print_backtest(made: "Backtest") -> None:
    """Print a strategy beside its benchmarks, and the verdicts."""
    from forecasting.report import captions, tables
    from forecasting.report.strategy_words import fate

    _print_audit(made.notes)
    loud, _ = captions.warnings_first(made.notes)
    times = made.equity.index
    bars = captions.counted(len(times), "bar")
    print_text(
        f"{tables.describe_strategy(made)} on forecasts of {made.forecaster}, "
        f"{tables.moment(times[0])} to {tables.moment(times[-1])}, {bars}"
    )
    print_notes(loud)
    print()
    print_table(tables.statistics_table(made))
    print()
    print_table(tables.comparison_table(made))
    print()
    print_text(f"{fate(made)} {made.luck.sentence()}")


def print_orders(made: "PaperOrders") -> None:
    """Print the orders for the next session, and what has to be known of them."""
    from forecasting.market.panel import day
    from forecasting.report.captions import IN_SAMPLE
    from forecasting.workflow.next_session import STALE

    loud = [note for note in made.notes if note.startswith((STALE, IN_SAMPLE))]
    print_text(
        f"{made.strategy} on forecasts of {made.forecaster}: decided at the close of "
        f"{day(made.decided)}, for the session of {day(made.session)}; equity {made.equity:,.2f}, "
        f"cash {made.cash:,.2f}"
    )
    print_notes(loud)
    print()
    if made.orders.empty:
        print_text("Nothing is held and nothing is ordered.")
    else:
        heads = ("ticker", "price", "held", "weight", "target", "order", "notional", "cost")
        print_rows(heads, [_order_row(row) for row in made.orders.to_dict(orient="records")])
    print()
    print_notes(
        [
            "Weight: share of equity held once the order is filled at the price shown, the newest "
            "close. Cost: estimated for what the participation cap lets through in one session.",
            f"{made.timing} {made.costs}",
            *(note for note in made.notes if note not in loud),
        ]
    )


def _order_row(row: Mapping[Hashable, Any]) -> tuple[str, ...]:
    order = row["order"]
    side = "-" if order == 0 else f"{'buy' if order > 0 else 'sell'} {_shares(abs(order))}"
    return (
        str(row["ticker"]),
        f"{row['price']:,.2f}",
        _shares(row["held"]),
        f"{row['weight']:+.1%}",
        _shares(row["target"]),
        side,
        f"{row['notional']:,.0f}",
        f"{row['cost']:,.2f}",
    )


def _shares(count: float) -> str:
    """A number of shares to six digits, or to the share where these do not reach it."""
    return f"{count:,.0f}" if abs(count) >= 100_000 else f"{count:,.6g}"


def print_backtest_notes(books: Sequence["Backtest"], known: Sequence[str] = ()) -> None:
    """Print what has to be known of backtests and is not `known` yet, each sentence once."""
    from forecasting.report import captions

    notes = [captions.NOT_MATCHED_FOR_RISK, captions.STATISTICS]
    notes += [f"{book.timing} {book.cost_words}" for book in books]
    said = [note for book in books for note in book.notes]
    notes += [captions.chosen(said), *captions.warnings_first(said)[1]]
    print_notes([note for note in notes if note not in known])


def _print_audit(notes: Sequence[str]) -> None:
    from forecasting.report.captions import audit

    if stamp := audit(notes):
        print_text(stamp)


def _width() -> int:
    return min(shutil.get_terminal_size().columns, _WIDEST)
