"""What a selective state space takes in and keeps at every bar: for looking, not for training."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


class Selection(NamedTuple):
    """The quantities of a selective scan that say what it remembers.

    State n of channel d fades over a usual bar t by exp(-step_td rate_dn), and takes in
    step_td B_tn u_td, of which C_tn reads it out again. The channels of a Mamba-2 head share one
    step and one rate, and so do its states: there a "channel" is a head, and it has one "state".

    Source: Gu & Dao (2023), Mamba, arXiv 2312.00752, equation 4 and algorithm 2, where the step is
    Delta and the rate -A.
    """

    step: Float[Tensor, "batch length channel"]
    """softplus of the projected step and its bias, without unit: large where the state gives way
    to the bar. The time since the bar before does not enter."""
    rate: Float[Tensor, "channel state"]
    """-A, positive."""
    written: Float[Tensor, "batch length channel"]
    """|step u|, summed over the channels of a head."""
    read: Float[Tensor, "batch length state"]
    """|B C|, summed over the states that share a rate."""


def select(
    u: Float[Tensor, "batch length input"],
    dt: Float[Tensor, "batch length channel"],
    dt_bias: Float[Tensor, " channel"],
    B: Float[Tensor, "batch length n"],
    C: Float[Tensor, "batch length n"],
    rate: Float[Tensor, "channel state"],
) -> Selection:
    """The selection of a scan with these arguments.

    Args:
        u: Input of the scan, the channels head after head.
        dt: Step size before bias and softplus.
        dt_bias: Added to `dt`.
        B: Input weights of each bar.
        C: Output weights of each bar.
        rate: -A; of one state where all share it.
    """
    step = F.softplus(dt + dt_bias)
    written = step * torch.unflatten(u.abs(), -1, (step.shape[-1], -1)).sum(dim=-1)
    read = (B * C).abs()
    return Selection(step, rate, written, read if rate.shape[1] > 1 else read.sum(-1, keepdim=True))
