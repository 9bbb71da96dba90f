"""`forecasting features`: what a model may look at, and what a recipe may name."""

from typing import Annotated

import typer

from forecasting.cli import options

_HEADS = ("feature", "in", "bars", "unit", "needs", "formula")


def features(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Features, variants (close, ohlc, ohlcv) or groups (echo_square, echo_range); "
            "all by default."
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """List the features that `data.features` of a recipe may name, with look-back and formula."""
    from forecasting.cli.printing import print_json, print_notes, print_rows
    from forecasting.market.features import describe

    rows = describe("+".join(names) if names else None)
    if as_json:
        print_json({"features": rows})
        return
    print_rows(
        _HEADS,
        [
            (
                row["name"],
                row["variants"][0] if row["variants"] else "-",
                str(row["look_back"]),
                row["unit"],
                ", ".join(row["needs"]) or "-",
                row["formula"],
            )
            for row in rows
        ],
    )
    sources: dict[str, list[str]] = {}
    for row in rows:
        if row["source"]:
            sources.setdefault(row["source"], []).append(row["name"])
    print_notes([_CAPTION, *(f"{', '.join(each)}: {source}." for source, each in sources.items())])


_CAPTION = (
    "in: the smallest variant, or the group, that has it. bars: of history up to the first value. "
    "needs: columns besides adj_close. r is the log return of the adjusted close, s the EWMA "
    "volatility, o the log return from the close before to the open, c from open to close, m the "
    "mean r of the tickers of the bar, V the volume, C the close; mean_n and sum_n over the last n "
    "bars of the ticker, t-1 one bar earlier. All are known at the close of their bar. Choose by "
    "--set data.features=ohlcv+momentum_252, or by a list in the recipe; log_volatility and "
    "log_gap belong to every set."
)
