"""The stages of a fitted pipeline up to what the network sees: source, features, windows."""

import numpy as np

from forecasting.evaluation.audit.stage import Stage
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.market.features import compute_features, feature_set
from forecasting.market.panel import Panel
from forecasting.market.price_request import PriceRequest
from forecasting.market.sequences import make_sequences
from forecasting.market.sources import load_prices


def source_stage(request: PriceRequest) -> Stage:
    """Prices, asked for again up to the panel's last bar: what came then is what is there now."""

    def compute(panel: Panel) -> np.ndarray:
        again = load_prices(
            request.source,
            panel.tickers,
            end=str(panel.times[-1].astype("datetime64[s]")).replace("T00:00:00", ""),
            missing=request.missing,
            quarantine=request.quarantine.path if request.quarantine else None,
            universe=request.universe.path if request.universe else None,
        )
        values = np.full(panel.values.shape, np.nan)
        rows = np.searchsorted(panel.times, again.times)
        there = (rows < len(panel.times)) & (panel.times[rows % len(panel.times)] == again.times)
        values[rows[there]] = again.values[there]
        return values

    return Stage("source", compute, market="the calendar", futures=("gone",))


def feature_stages(model: NetworkForecaster) -> tuple[Stage, ...]:
    """Features of a ticker's own bars, those of its market, and both as the network sees them."""
    variant, decay = model.corpus.features, model.files.recipe.data.volatility_decay
    chosen = feature_set(variant)
    crossing = {each.name for each in chosen.cross_sectional}
    crossing |= {each.name for each in chosen.own if "market" in each.keeps}
    shared = np.array([name in crossing for name in chosen.names])
    mean = model.network.feature_mean.cpu().double().numpy()
    std = model.network.feature_std.cpu().double().numpy()

    def features(panel: Panel) -> np.ndarray:
        return compute_features(panel, variant, decay)[0]

    def market(names: np.ndarray) -> str:
        return ", ".join(name for name, here in zip(chosen.names, names, strict=True) if here)

    own = Stage("features", lambda panel: features(panel)[..., ~shared], per_ticker=True)
    scaled = Stage(
        "scalers",
        lambda panel: (features(panel) - mean) / std,
        per_ticker=not shared.any(),
        market=market(shared),
    )
    if not shared.any():
        return own, scaled
    crossed = Stage(
        "market features", lambda panel: features(panel)[..., shared], market=market(shared)
    )
    return own, crossed, scaled


def window_stage(model: NetworkForecaster) -> Stage:
    """Targets of the training windows, each in the row at which it becomes known."""
    recipe = model.files.recipe
    corpus = model.corpus

    def compute(panel: Panel) -> np.ndarray:
        sequences = make_sequences(
            panel,
            variant=corpus.features,
            horizons=recipe.data.horizons,
            decay=recipe.data.volatility_decay,
            tasks=recipe.network.tasks,
            mapped=False,
        )
        targets = np.stack([sequences.targets, *sequences.tasks.values()], axis=-1)
        known = np.full((len(panel.times) + 1, len(panel.tickers), *targets.shape[1:]), np.nan)
        for j in range(targets.shape[1]):
            known[sequences.label_end[:, j], sequences.ticker, j] = targets[:, j]
        return known[:-1]

    ranked = "rank" in recipe.network.tasks
    return Stage(
        "windows",
        compute,
        per_ticker=not ranked,
        market="ranks of the returns" if ranked else "",
    )
