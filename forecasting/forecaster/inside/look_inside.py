"""Reading a network's inside as finance: what it remembers, lets in, routes and attends to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from forecasting.forecaster.inside.attention import (
    AttentionUse,
    AttentionWatcher,
    attention_use_of,
)
from forecasting.forecaster.inside.cells import Cells, make_cells
from forecasting.forecaster.inside.experts import ExpertUse, RoutingWatcher, expert_use_of
from forecasting.forecaster.inside.layers import (
    absences,
    attention_layers,
    averaging_layers,
    expert_layers,
    layer_table,
    selective_layers,
)
from forecasting.forecaster.inside.memory import Memory, memory_of
from forecasting.forecaster.inside.reading import read_prices
from forecasting.forecaster.inside.selectivity import Selectivity, selectivity_of
from forecasting.forecaster.inside.steps import StepWatcher
from forecasting.forecaster.inside.watching import watch
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.market.panel import Panel
from forecasting.market.sequences import Sequences
from forecasting.nn.network import ForecastNetwork


@dataclass(frozen=True, eq=False)
class Inside:
    """What was seen inside a network while it read a span of prices.

    Everything that is measured at a bar comes from that bar and those before it, as the forecast
    does. The tables are means over the span, and so are known at its end.

    Attributes:
        name: Of the model.
        tickers: Those looked at.
        start: First bar looked at; the network has read those before it as well.
        end: Last bar.
        layers: A row a layer: its mixer and feed-forward, and which of the views show it.
        memory: Half-lives of the states; None where no layer has any.
        selectivity: Step sizes on event days; None likewise, as all that follow.
        experts: Use of the experts by volatility regime.
        attention: Attention by lag and by volatility regime.
        notes: What this network does not have to show, and other reservations.
    """

    name: str
    tickers: tuple[str, ...]
    start: np.datetime64
    end: np.datetime64
    layers: pd.DataFrame
    memory: Memory | None
    selectivity: Selectivity | None
    experts: ExpertUse | None
    attention: AttentionUse | None
    notes: tuple[str, ...]

    @property
    def verdicts(self) -> tuple[str, ...]:
        """What can be said of each view, a sentence a layer."""
        views = {
            "memory": self.memory,
            "selectivity": self.selectivity,
            "experts": self.experts,
            "attention": self.attention,
        }
        return tuple(
            f"{name}, {verdict}"
            for name, view in views.items()
            if view is not None
            for verdict in view.verdicts
        )


def look_inside(
    model: NetworkForecaster,
    prices: Panel,
    *,
    tickers: Sequence[str] | None = None,
    start: np.datetime64 | str | None = None,
    end: np.datetime64 | str | None = None,
) -> Inside:
    """Watch a network read prices.

    Args:
        model: A trained model.
        prices: All of them are the market, as for a forecast.
        tickers: Those to look at; all if None.
        start: First day to look at; the first complete bar if None. In-sample bars are as good as
            others here, for nothing is judged by an outcome.
        end: Last day; the last of the prices if None.

    Raises:
        DataError: A ticker is not there, no bar lies in the span, or the model cannot read these
            prices.
    """
    sequences = read_prices(model, prices, tickers, end)
    cells = make_cells(sequences, tickers, start)
    seen = look_at(model.network, sequences, cells)
    return replace(seen, name=model.name, notes=(*seen.notes, *model.notes(prices.tickers)))


def look_at(network: ForecastNetwork, sequences: Sequences, cells: Cells) -> Inside:
    """Watch a network, perhaps an untrained one, read the rows that it is given.

    Args:
        network: In evaluation mode.
        sequences: Rows of its features.
        cells: Which of them are looked at.
    """
    steps = [StepWatcher(i, module, cells) for i, module in selective_layers(network).items()]
    routers = [RoutingWatcher(i, module, cells) for i, module in expert_layers(network).items()]
    attentions = [
        AttentionWatcher(i, module, cells) for i, module in attention_layers(network).items()
    ]
    watch(network, sequences, [*steps, *routers, *attentions])
    return Inside(
        name="",
        tickers=tuple(cells.tickers[k] for k in np.unique(cells.ticker)),
        start=cells.times[cells.date.min()],
        end=cells.times[cells.date.max()],
        layers=layer_table(network),
        memory=memory_of(steps, averaging_layers(network), cells),
        selectivity=selectivity_of(steps, cells),
        experts=expert_use_of(routers, cells),
        attention=attention_use_of(attentions, cells),
        notes=absences(network),
    )
