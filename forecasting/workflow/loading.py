"""Prices to work on, and prices for a trained model: the tickers asked for, amid their market."""

from collections.abc import Sequence
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
) -> Panel:
    """Load prices: the bundled sample by default, else the store or files.

    Args:
        tickers: All that the source has by default.
        source: `sample`, `sample-ohlcv`, `sample-indices`, `store`, `simulated`, or a path or glob.
        start: First day, YYYY-MM-DD.
        end: Last day.
        missing: `error`, or `mask` to leave out blank prices inside a file's history.

    Raises:
        DataError: No such source, ticker or date, or malformed prices.
    """
    return load_prices(source, tickers, start=start, end=end, missing=missing)


def load_for(
    model: NetworkForecaster,
    source: str | Path,
    tickers: Sequence[str] | None,
    *,
    end: str | None = None,
    missing: str = "error",
) -> Panel:
    """The asked-for tickers, and those of the model's corpus that the source also has.

    A model's market features are a cross-section: asked for one ticker, it still wants to see the
    market that it was trained in, where the source has it.

    Raises:
        DataError: As `load`.
    """
    if not tickers:
        return load_prices(source, None, end=end, missing=missing)
    asked = load_prices(source, tickers, end=end, missing=missing)
    present = open_source(source, missing=missing).tickers()
    market = [t for t in model.corpus.tickers if t in present and t not in tickers]
    if not market:
        return asked
    both = load_prices(source, [*tickers, *market], missing=missing).between(None, end)
    enough = both.mask.sum(axis=0) > look_back(model.corpus.features)
    known = [t for t, has in zip(both.tickers, enough, strict=True) if has and t in market]
    return both.select([*tickers, *known])
