"""A pretrained Chronos as a baseline: quantiles of the next outcomes, zero-shot, then calibrated.

Its median is the location; half the distance of its 10 % and 90 % quantiles is the scale up to a
constant, which with the degrees of freedom is fitted on the last slice of the training rows, for
what was pretrained elsewhere knows nothing of this market. Weights come from a folder on this
machine, never from a download. Which bars they were trained on only their publisher knows.

    class BoltT(ChronosAdapter):
        name = "chronos-bolt-t"
        folder = "weights/chronos-bolt-small"
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from forecasting.errors import ConfigError, DataError
from forecasting.evaluation.baselines.baseline import Baseline, Calibration
from forecasting.evaluation.baselines.tuning import LEAST_ROWS, tuning_slice
from forecasting.forecast.student_t import StudentT
from forecasting.market.sequences import VOLATILITY_DECAY, Sequences
from forecasting.workflow.peers.outcomes import known_outcomes, others_warnings, require_package

Kind = TypeVar("Kind", bound="ChronosAdapter")

_LEVELS = [0.1, 0.5, 0.9]
_MOST_CALIBRATED = 2_000
_LEAST_SPREAD = 0.01
"""Of the scaled target: a model that is certain of a return is not believed."""


@dataclass(eq=False, kw_only=True)
class ChronosAdapter(Baseline):
    """Zero-shot on the CPU; no forecast before the end of the training.

    Attributes:
        folder: Where the weights are.
        context: Outcomes that it looks back on.
        batch_size: Rows that are forecast at once.
        calibration: Of the scale.
        known_until: Time of the last bar whose outcomes were calibrated on.
    """

    folder: ClassVar[str | Path] = ""
    context: ClassVar[int] = 256
    batch_size: ClassVar[int] = 256

    name: str = "chronos-t"
    pipeline: Any
    calibration: Calibration
    known_until: np.datetime64

    @classmethod
    def fit(
        cls: type[Kind],
        sequences: Sequences,
        rows: Bool[np.ndarray, " row"],
        *,
        decay: float = VOLATILITY_DECAY,
    ) -> Kind:
        """Load the weights and calibrate on at most 2,000 rows of the last slice.

        Raises:
            ConfigError: The package or the folder is missing.
            DataError: The training rows are too few.
        """
        pipeline = cls._load()
        _, choose_rows = tuning_slice(sequences, rows)
        at = np.flatnonzero(choose_rows & cls._has_context(sequences))
        if len(at) < LEAST_ROWS:
            raise DataError(
                f"{len(at)} rows to calibrate {cls.name} on have {cls.context} outcomes before "
                f"them: expected {LEAST_ROWS}. Start the test later, or shorten `context`."
            )
        at = at[:: -(-len(at) // _MOST_CALIBRATED)]
        loc, spread = cls._ask(pipeline, sequences, at)
        return cls(
            variant=sequences.variant,
            horizons=sequences.horizons,
            decay=decay,
            pipeline=pipeline,
            calibration=Calibration.of((sequences.targets[at] - loc) / spread),
            known_until=sequences.panel.times[sequences.last_label[rows].max()],
        )

    @classmethod
    def _load(cls) -> Any:
        package = require_package("chronos", "chronos-forecasting")
        folder = Path(cls.folder)
        if not all((folder / name).is_file() for name in ("config.json", "model.safetensors")):
            raise ConfigError(
                f"there is no Chronos model in {str(folder)!r}: expected a local folder with "
                "config.json and model.safetensors; nothing is downloaded. Set `folder`."
            )
        with others_warnings():
            return package.BaseChronosPipeline.from_pretrained(
                folder, local_files_only=True, use_safetensors=True
            )

    def laws(self, sequences: Sequences) -> StudentT:
        """Student-t after the training, in decimal log returns; NaN before it."""
        loc, scale = np.full((2, len(sequences.origin), len(self.horizons)), np.nan)
        later = sequences.panel.times[sequences.origin] > self.known_until
        at = np.flatnonzero(later & self._has_context(sequences))
        loc[at], spread = self._ask(self.pipeline, sequences, at)
        scale[at] = spread * self.calibration.scale
        df = np.broadcast_to(self.calibration.df, scale.shape)
        return StudentT(loc, scale, df).scaled(sequences.return_scale())

    @classmethod
    def _has_context(cls, sequences: Sequences) -> Bool[np.ndarray, " row"]:
        """Rows with as many outcomes of the longest horizon as the model looks back on."""
        place = np.arange(len(sequences.origin)) - sequences.offsets[sequences.ticker]
        return place >= cls.context + max(sequences.horizons) - 1

    @classmethod
    def _ask(
        cls, pipeline: Any, sequences: Sequences, at: Int[np.ndarray, " row_asked"]
    ) -> tuple[Float[np.ndarray, "row_asked horizon"], Float[np.ndarray, "row_asked horizon"]]:
        """Median and half the spread of the scaled target of some rows."""
        outcomes = known_outcomes(sequences)
        loc, spread = np.empty((2, len(at), len(sequences.horizons)))
        for first in range(0, len(at), cls.batch_size):
            part = slice(first, first + cls.batch_size)
            seen = at[part, None] + np.arange(1 - cls.context, 1)
            for j, h in enumerate(sequences.horizons):
                contexts = torch.tensor(outcomes[seen, j], dtype=torch.float32)
                with others_warnings(), torch.no_grad():
                    answer, _ = pipeline.predict_quantiles(
                        contexts, prediction_length=h, quantile_levels=_LEVELS
                    )
                low, median, high = answer[:, h - 1].double().numpy().T
                loc[part, j] = median
                spread[part, j] = np.maximum((high - low) / 2, _LEAST_SPREAD)
        return loc, spread
