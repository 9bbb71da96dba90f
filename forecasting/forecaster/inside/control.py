"""The control: what networks that were never trained show in the same views.

A random network, too, has half-lives, steps that follow what it is fed, and uneven experts. Only
what a trained network shows beyond many of them was learnt.

Source: Adebayo et al. (2018), Sanity checks for saliency maps, arXiv 1810.03292, section 3.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from forecasting.forecaster.inside.cells import make_cells
from forecasting.forecaster.inside.look_inside import Inside, look_at
from forecasting.forecaster.inside.reading import read_prices
from forecasting.forecaster.network_forecaster import NetworkForecaster, build_network
from forecasting.market.panel import Panel
from forecasting.nn.network import ForecastNetwork


def against_untrained(
    model: NetworkForecaster,
    prices: Panel,
    *,
    networks: int = 39,
    tickers: Sequence[str] | None = None,
    start: np.datetime64 | str | None = None,
    end: np.datetime64 | str | None = None,
) -> pd.DataFrame:
    """The main number of each view and layer, beside those of random networks of the recipe.

    Args:
        model: A trained model.
        prices: All of them are the market.
        networks: How many random ones, seeds 0, 1, ...; below 39 no p-value can reach 0.05.
        tickers: Those to look at; all if None.
        start: First day to look at; the first complete bar if None.
        end: Last day; the last of the prices if None.

    Returns:
        A row for each quantity (see `main_numbers`) and layer: `trained`; `lowest`, `median` and
        `highest` of the random networks; and `p`, two-sided, how often one more random network
        would lie as far out: 2 (1 + the lesser of how many lie below and above) / (networks + 1),
        at most 1. NaN where a quantity cannot be had from the span.

    Raises:
        DataError: As `look_inside`.
    """
    sequences = read_prices(model, prices, tickers, end)
    cells = make_cells(sequences, tickers, start)
    trained = main_numbers(look_at(model.network, sequences, cells))
    drawn = [
        main_numbers(look_at(untrained_network(model, seed), sequences, cells))
        for seed in range(networks)
    ]
    random = pd.concat(drawn, axis=1).to_numpy()
    own = trained.to_numpy()[:, None]
    further = np.minimum((random <= own).sum(axis=1), (random >= own).sum(axis=1))
    p = np.minimum(2 * (1 + further) / (networks + 1), 1)
    return pd.DataFrame(
        {
            "trained": trained,
            "lowest": random.min(axis=1),
            "median": np.median(random, axis=1),
            "highest": random.max(axis=1),
            "p": np.where(np.isfinite(random - own).all(axis=1), p, np.nan),
        }
    )


def main_numbers(seen: Inside) -> pd.Series:
    """One number a layer of each view, by (quantity, layer).

    The weighted median of the half-lives; the `ratio` of the steps on the largest hundredth of
    moves to all others; Cramer's V; and the `excess` of the lookback over all cells.
    """
    numbers: dict[str, pd.Series] = {}
    if seen.memory is not None:
        numbers["median half-life (bars)"] = seen.memory.quantiles([0.5])[0.5]
    if seen.selectivity is not None:
        largest = seen.selectivity.table.query("by == 'move' and upto == 1")
        numbers["step on the largest 1 % of moves"] = largest.set_index("layer")["ratio"]
    if seen.experts is not None:
        tests = seen.experts.tests.set_index("layer")
        numbers["Cramer's V of regime, expert"] = tests["cramers_v"]
    if seen.attention is not None:
        overall = seen.attention.lookback.query("regime == 'all'").set_index("layer")
        numbers["lookback beyond even (bars)"] = overall["excess"]
    return pd.concat(numbers, names=["quantity", "layer"])


def untrained_network(model: NetworkForecaster, seed: int) -> ForecastNetwork:
    """A random network of a model's recipe, with the model's normalisation of the features."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build_network(model.files.recipe, model.corpus.feature_names)
    for name in ("feature_mean", "feature_std", "usual_gap"):
        network.get_buffer(name).copy_(model.network.get_buffer(name))
    return network.eval()
