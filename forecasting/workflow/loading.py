"""Prices to work on, and prices for a trained model: the tickers asked for, amid their market."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.market.features import look_back
from forecasting.market.panel import Panel
from forecasting.market.sources import load_prices, open_source


def load(
    tickers: Sequence[str] | None = None,
    source: str | Path = "sample",
    *,
    start: str | None = None,
    end: str | None = None,
    missing: str = "error",
    quarantine: str | Path | None = None,
    universe: str | Path | None = None,
) -> Panel:
    """Load prices: the bundled sample by default, else the store or files.

    Args:
        tickers: All that the source has by default, of the universe's symbols if there is one.
        source: `sample`, `sample-ohlcv`, `sample-indices`, `store`, `simulated`, or a path or glob.
        start: First day, YYYY-MM-DD.
        end: Last day.
        missing: `error`, or `mask` to leave out blank prices inside a file's history.
        quarantine: CSV file of bars to leave out, as `forecasting data check` writes it.
        universe: CSV file of who was a member when: symbol, from, to.

    Raises:
        DataError: No such source, ticker or date, malformed prices or a malformed table.
    """
    return load_prices(
        source,
        tickers,
        start=start,
        end=end,
        missing=missing,
        quarantine=quarantine,
        universe=universe,
    )


def load_for(
    model: NetworkForecaster,
    source: str | Path,
    tickers: Sequence[str] | None,
    *,
    end: str | None = None,
    missing: str = "error",
    quarantine: str | Path | None = None,
    universe: str | Path | None = None,
) -> Panel:
    """The asked-for tickers, and those of the model's corpus that the source also has.

    A model's market features are a cross-section: asked for one ticker, it still wants to see the
    market that it was trained in, where the source has it. Bars in quarantine are left out, and
    where there is a universe only its members are the market.

    Raises:
        DataError: As `load`.
    """
    read = partial(load_prices, source, missing=missing, quarantine=quarantine, universe=universe)
    if not tickers:
        return read(None, end=end)
    asked = read(tickers, end=end)
    present = open_source(source, missing=missing).tickers()
    market = [t for t in model.corpus.tickers if t in present and t not in tickers]
    if not market:
        return asked
    both = read([*tickers, *market] if universe is None else None).between(None, end)
    market = [t for t in market if t in both.tickers]
    enough = both.mask.sum(axis=0) > look_back(model.corpus.features)
    known = [t for t, has in zip(both.tickers, enough, strict=True) if has and t in market]
    return both.select([*tickers, *known])
