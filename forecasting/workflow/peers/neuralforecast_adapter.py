"""Any univariate network of `neuralforecast`, with a Student-t head, as a baseline.

One network a horizon is trained on the known outcomes of all tickers up to the end of the training
rows, and answers for every bar after it: rolling forecasts without a refit.

    class NhitsT(NeuralForecastAdapter):
        name = "NHITS-t"
        model = "NHITS"
        options = {"max_steps": 500}
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import numpy as np
import pandas as pd
from jaxtyping import Bool

from forecasting.errors import ConfigError, DataError
from forecasting.evaluation.baselines.baseline import Baseline
from forecasting.forecast.student_t import StudentT
from forecasting.market.sequences import VOLATILITY_DECAY, Sequences
from forecasting.workflow.peers.outcomes import known_outcomes, others_warnings, require_package

Kind = TypeVar("Kind", bound="NeuralForecastAdapter")


@dataclass(eq=False, kw_only=True)
class NeuralForecastAdapter(Baseline):
    """Trained here, on the CPU, with one seed; no forecast before the end of the training.

    Attributes:
        model: Name of a class in `neuralforecast.models`.
        input_size: Outcomes that it looks back on.
        options: Its further arguments.
        networks: A fitted `NeuralForecast` of each horizon.
        known_until: Time of the last bar whose outcomes were trained on.
    """

    model: ClassVar[str] = "MLP"
    input_size: ClassVar[int] = 64
    options: ClassVar[Mapping[str, Any]] = {"max_steps": 500}

    name: str = "neuralforecast-t"
    networks: tuple[Any, ...]
    known_until: np.datetime64

    @classmethod
    def fit(
        cls: type[Kind],
        sequences: Sequences,
        rows: Bool[np.ndarray, " row"],
        *,
        decay: float = VOLATILITY_DECAY,
    ) -> Kind:
        """Train a network a horizon on the outcomes of the training rows.

        Raises:
            ConfigError: `neuralforecast` is not installed, or has no such model.
            DataError: No ticker has enough training rows.
        """
        outcomes, networks = known_outcomes(sequences), []
        for j, h in enumerate(sequences.horizons):
            least = cls.input_size + 2 * h
            series = [
                _frame(ticker, outcomes[own, j][rows[own]])
                for k, ticker in enumerate(sequences.panel.tickers)
                for own in (sequences.rows(k),)
                if rows[own].sum() >= least + h
            ]
            if not series:
                raise DataError(
                    f"no ticker has {least + h} rows to train {cls.name} on at {h} bars ahead: "
                    "expected a longer history. Start the test later, or look back on less."
                )
            networks.append(cls._network(h))
            with others_warnings():
                networks[-1].fit(pd.concat(series, ignore_index=True))
        return cls(
            variant=sequences.variant,
            horizons=sequences.horizons,
            decay=decay,
            networks=tuple(networks),
            known_until=sequences.panel.times[sequences.last_label[rows].max()],
        )

    @classmethod
    def _network(cls, horizon: int) -> Any:
        package = require_package("neuralforecast", "neuralforecast")
        models = require_package("neuralforecast.models", "neuralforecast")
        losses = require_package("neuralforecast.losses.pytorch", "neuralforecast")
        if not hasattr(models, cls.model):
            raise ConfigError(
                f"neuralforecast has no model {cls.model!r}: expected a class of its `models`, for "
                "example MLP or NHITS. Correct `model`."
            )
        quiet = ("enable_progress_bar", "enable_model_summary", "enable_checkpointing", "logger")
        settings = {"random_seed": 0, "accelerator": "cpu", **dict.fromkeys(quiet, False)}
        with others_warnings():
            network = getattr(models, cls.model)(
                h=horizon,
                input_size=cls.input_size,
                loss=losses.DistributionLoss("StudentT", return_params=True),
                alias="it",
                **(settings | dict(cls.options)),
            )
            return package.NeuralForecast(models=[network], freq=1)

    def laws(self, sequences: Sequences) -> StudentT:
        """The networks' Student-t after the training, in decimal log returns; NaN before it."""
        parameters = np.full((3, len(sequences.origin), len(self.horizons)), np.nan)
        outcomes = known_outcomes(sequences)
        later = sequences.panel.times[sequences.origin] > self.known_until
        for k in range(len(sequences.panel.tickers)):
            own = sequences.rows(k)
            for j, h in enumerate(self.horizons):
                asked = later[own].copy()
                asked[: h + self.input_size - 1] = False
                if asked.any():
                    at = own.start + np.flatnonzero(asked)
                    parameters[:, at, j] = self._roll(outcomes[own, j], j, len(at))
        loc, scale, df = parameters
        return StudentT(loc, scale, df).scaled(sequences.return_scale())

    def _roll(self, outcomes: np.ndarray, j: int, windows: int) -> np.ndarray:
        """Location, scale and degrees of freedom h rows ahead of each of the last rows."""
        h = self.horizons[j]
        # The last rows' own outcomes are not known: any number may stand there.
        series = _frame("it", np.append(outcomes, np.zeros(h)))
        with others_warnings():
            made = self.networks[j].cross_validation(
                series, n_windows=windows, step_size=1, use_fitted=True
            )
        last = made[made["ds"] - made["cutoff"] == h].sort_values("cutoff")
        return last[["it-loc", "it-scale", "it-df"]].to_numpy(dtype=float).T


def _frame(ticker: str, outcomes: np.ndarray) -> pd.DataFrame:
    """A series as `neuralforecast` wants it, its times whole numbers."""
    known = outcomes[np.isfinite(outcomes)]
    return pd.DataFrame({"unique_id": ticker, "ds": np.arange(len(known)), "y": known})
