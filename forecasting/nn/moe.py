"""Mixture of experts: each bar is sent to the few feed-forwards that a router picks for it.

Dropless: every pick is computed, whatever the load. A capacity limit would let later bars, and
other rows of the batch, push a bar out of its expert, and so leak the future.

Source: Fedus et al. (2021), Switch Transformers, arXiv 2101.03961; Lieber et al. (2024), Jamba,
arXiv 2403.19887. Parameter names and shapes are those of Hugging Face's `JambaSparseMoeBlock`;
the shared experts and the bias of the choice are named as in its `DeepseekV3MoE`.
"""

import functools
import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from forecasting.config import NetworkConfig
from forecasting.nn.feed_forward import FeedForward
from forecasting.nn.routing import Routing


class Experts(nn.Module):
    """The SwiGLU feed-forwards of all experts in two tensors; the gate comes before the up half."""

    def __init__(self, n_experts: int, hidden_size: int, intermediate_size: int) -> None:
        super().__init__()
        up, down = hidden_size**-0.5, intermediate_size**-0.5
        self.gate_up_proj = nn.Parameter(
            torch.empty(n_experts, 2 * intermediate_size, hidden_size).uniform_(-up, up)
        )
        self.down_proj = nn.Parameter(
            torch.empty(n_experts, hidden_size, intermediate_size).uniform_(-down, down)
        )

    def forward(
        self,
        x: Float[Tensor, "token hidden"],
        weights: Float[Tensor, "token pick"],
        experts: Int[Tensor, "token pick"],
    ) -> Float[Tensor, "token hidden"]:
        """Weighted sum of the picked experts' answers, with the tokens grouped by expert."""
        order = experts.flatten().argsort(stable=True)
        counts = experts.flatten().bincount(minlength=len(self.down_proj))
        grouped = x.index_select(0, order // experts.shape[1])
        answer = grouped_answers if self._prefers_grouped_mm(x) else looped_answers
        answers = answer(grouped, counts, self.gate_up_proj, self.down_proj)
        answers = answers.index_select(0, order.argsort()).view(*experts.shape, -1)
        return (answers * weights.unsqueeze(-1)).sum(dim=1)

    def _prefers_grouped_mm(self, x: Tensor) -> bool:
        """Not on the CPU; elsewhere the loop has to wait for the counts.

        There grouped_mm took 1.0 to 1.2 times the loop's CPU time on the 4096 bars of a training
        batch, 0.7 to 0.9 times on 512 or fewer (torch 2.13, one thread).
        """
        if x.device.type == "cpu":
            return False
        return grouped_mm_works(x.device, _product_dtype(x), *self.down_proj.shape[1:])


def looped_answers(
    x: Float[Tensor, "token hidden"],
    counts: Int[Tensor, " expert"],
    gate_up_proj: Float[Tensor, "expert gate_up hidden"],
    down_proj: Float[Tensor, "expert hidden intermediate"],
) -> Float[Tensor, "token hidden"]:
    """SwiGLU of each expert on its own tokens: the first `counts[0]`, the next `counts[1]`..."""
    answers = []
    groups = torch.split(x, counts.tolist())
    for group, gate_up, down in zip(groups, gate_up_proj.unbind(), down_proj.unbind(), strict=True):
        gate, up = F.linear(group, gate_up).chunk(2, dim=-1)
        answers.append(F.linear(F.silu(gate) * up, down))
    return torch.cat(answers)


def grouped_answers(
    x: Float[Tensor, "token hidden"],
    counts: Int[Tensor, " expert"],
    gate_up_proj: Float[Tensor, "expert gate_up hidden"],
    down_proj: Float[Tensor, "expert hidden intermediate"],
) -> Float[Tensor, "token hidden"]:
    """The same in two grouped products, where `grouped_mm_works`."""
    dtype = _product_dtype(x)
    ends = counts.cumsum(0, dtype=torch.int32)
    gate, up = F.grouped_mm(x.to(dtype), gate_up_proj.to(dtype).mT, offs=ends).chunk(2, dim=-1)
    answers = F.grouped_mm(F.silu(gate) * up, down_proj.to(dtype).mT, offs=ends)
    if answers.requires_grad:
        # The backward pass refuses the expanded gradient of a sum, and a transposed one.
        answers.register_hook(Tensor.contiguous)  # type: ignore[no-untyped-call]
    return answers


@functools.cache
def grouped_mm_works(device: torch.device, dtype: torch.dtype, hidden: int, inner: int) -> bool:
    """Whether torch's grouped product agrees with the loop here, gradients included.

    Tried out once: torch's version, the device, dtype and widths (of whole 16 bytes) decide it.
    """
    shapes = ((5, hidden), (3, 2 * inner, hidden), (3, hidden, inner))
    counts = torch.tensor([3, 0, 2], device=device)
    plain = torch.autocast(device.type, enabled=False)
    with torch.inference_mode(False), torch.enable_grad(), plain:
        # Waves, as random numbers drawn here would change those that the training draws.
        inputs = [
            torch.arange(math.prod(shape)).sin().view(shape).to(device, dtype).requires_grad_()
            for shape in shapes
        ]
        results = []
        for answer in (grouped_answers, looped_answers):
            try:
                y = answer(inputs[0], counts, *inputs[1:])
                results.append([y, *torch.autograd.grad(y.square().sum(), inputs)])
            except (AttributeError, RuntimeError):
                return False
    pairs, tolerance = zip(*results, strict=True), max(1e-4, 8 * torch.finfo(dtype).eps)
    return all(bool((a - b).abs().max() <= tolerance * b.abs().max()) for a, b in pairs)


def _product_dtype(x: Tensor) -> torch.dtype:
    """The dtype in which x is multiplied; autocast itself does not know grouped_mm."""
    device = x.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype


class MixtureOfExperts(nn.Module):
    """Top-k routing by a softmax over all experts, weights not renormalised; plus shared experts.

    With `router_balance: bias` a bias, which only `balance` moves, is added for the choice alone.
    """

    e_score_correction_bias: Tensor | None

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.picks = config.num_experts_per_tok
        self.bias_update_rate = config.router_bias_update_rate
        self.router = nn.Linear(config.hidden_size, config.num_experts, bias=False)
        self.experts = Experts(config.num_experts, config.hidden_size, config.intermediate_size)
        shared = config.num_shared_experts * config.intermediate_size
        self.shared_experts = FeedForward(config.hidden_size, shared) if shared else None
        bias = torch.zeros(config.num_experts) if config.router_balance == "bias" else None
        self.register_buffer("e_score_correction_bias", bias)

    def forward(
        self, x: Float[Tensor, "batch length hidden"]
    ) -> tuple[Float[Tensor, "batch length hidden"], Routing]:
        """The mixed answers, and what the router did."""
        logits = self.router(x)
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        scores = logits.softmax(dim=-1)
        bias = self.e_score_correction_bias
        picked = (scores if bias is None else scores + bias).topk(self.picks, dim=-1).indices
        weights = scores.gather(-1, picked).to(x.dtype)
        tokens = (tensor.flatten(0, 1) for tensor in (x, weights, picked))
        mixed = self.experts(*tokens).view_as(x)
        if self.shared_experts is not None:
            mixed = mixed + self.shared_experts(x)
        return mixed, Routing(logits, picked)

    @torch.no_grad()
    def balance(self, load: Int[Tensor, " expert"]) -> None:
        """Make experts below the mean load likelier to be picked, and those above it less likely.

        b_e += rate * sign(mean load - load_e), then centred, as only their differences matter.

        Args:
            load: Bars that each expert was picked for since the last call.

        Source: Wang et al. (2024), Loss-Free Balancing, arXiv 2408.15664, algorithm 1.
        """
        bias = self.e_score_correction_bias
        if bias is not None and self.router.weight.requires_grad:  # not of a frozen router
            bias += self.bias_update_rate * (load.sum() - len(load) * load).sign()
            bias -= bias.mean()


def run_feed_forward(
    module: nn.Module, x: Float[Tensor, "batch length hidden"]
) -> tuple[Float[Tensor, "batch length hidden"], Routing | None]:
    """The answer of a feed-forward of either kind, and what its router did if it has one."""
    if isinstance(module, MixtureOfExperts):
        return module(x)
    return module(x), None
