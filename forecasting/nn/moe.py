"""Mixture of experts: each bar is sent to the few feed-forwards that a router picks for it.

Dropless: every pick is computed, whatever the load. A capacity limit would let later bars, and
other rows of the batch, push a bar out of its expert, and so leak the future.

Source: Fedus et al. (2021), Switch Transformers, arXiv 2101.03961; Lieber et al. (2024), Jamba,
arXiv 2403.19887. Parameter names and shapes are those of Hugging Face's `JambaSparseMoeBlock`.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from forecasting.config import NetworkConfig


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
        """Weighted sum of the picked experts' answers, one grouped product an expert."""
        order = experts.flatten().argsort(stable=True)
        counts = experts.flatten().bincount(minlength=len(self.down_proj)).tolist()
        groups = torch.split(x.index_select(0, order // experts.shape[1]), counts)
        matrices = zip(groups, self.gate_up_proj.unbind(), self.down_proj.unbind(), strict=True)
        answers = []
        for group, gate_up, down in matrices:
            gate, up = F.linear(group, gate_up).chunk(2, dim=-1)
            answers.append(F.linear(F.silu(gate) * up, down))
        answer = torch.cat(answers).index_select(0, order.argsort()).view(*experts.shape, -1)
        return (answer * weights.unsqueeze(-1)).sum(dim=1)


class MixtureOfExperts(nn.Module):
    """Top-k routing by a softmax over all experts, weights not renormalised."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.picks = config.num_experts_per_tok
        self.router = nn.Linear(config.hidden_size, config.num_experts, bias=False)
        self.experts = Experts(config.num_experts, config.hidden_size, config.intermediate_size)

    def forward(
        self, x: Float[Tensor, "batch length hidden"]
    ) -> tuple[Float[Tensor, "batch length hidden"], Float[Tensor, "batch length expert"]]:
        """The mixed answers, and the router's probabilities (at least float32) for its loss."""
        logits = self.router(x)
        wide = torch.promote_types(logits.dtype, torch.float32)
        probabilities = logits.softmax(dim=-1, dtype=wide)
        weights, picked = probabilities.flatten(0, 1).topk(self.picks, dim=-1)
        mixed = self.experts(x.flatten(0, 1), weights.to(x.dtype), picked)
        return mixed.view_as(x), probabilities


def router_loss(probabilities: Float[Tensor, "token expert"], picks: int) -> Float[Tensor, ""]:
    """Switch load-balancing loss; equal to `picks` when every expert gets the same load.

    E * sum_e f_e P_e, with f_e the picks of expert e per token (a count, without gradient) and P_e
    its mean probability. Tokens of several layers may be given together, as Hugging Face does.

    Source: Fedus et al. (2021), arXiv 2101.03961, equations 4 to 6.
    """
    n_tokens, n_experts = probabilities.shape
    picked = probabilities.topk(picks, dim=-1).indices.flatten()
    load = picked.bincount(minlength=n_experts).to(probabilities) / n_tokens
    return n_experts * (load * probabilities.mean(dim=0)).sum()
