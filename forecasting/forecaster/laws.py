"""From the laws of the network to those of a forecast, by way of one array."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from forecasting.config import QUANTILE_LEVELS
from forecasting.forecast.law import Law
from forecasting.forecast.quantile_law import QuantileLaw
from forecasting.forecast.student_t import StudentT
from forecasting.nn import network


def n_parameters(distribution: str) -> int:
    """Numbers that make the law of one bar and horizon, see `NetworkConfig.distribution`."""
    return {"student_t": 3, "quantile": len(QUANTILE_LEVELS) + 1}[distribution]


def pack(law: network.Law) -> Float[Tensor, "row bar horizon parameter"]:
    """All parameters of a network's law along one axis, in the order of its fields."""
    cells = law[-1].shape
    return torch.cat([part.reshape(*cells, -1) for part in law], dim=-1)


def unpack(packed: Float[np.ndarray, "*cell parameter"], distribution: str) -> Law:
    """The law of each cell, from what `pack` made of it."""
    match distribution:
        case "student_t":
            return StudentT(packed[..., 0], packed[..., 1], packed[..., 2])
        case "quantile":
            return QuantileLaw(packed[..., :-1], packed[..., -1])
    raise ValueError(f"distribution {distribution!r}: expected student_t or quantile")
