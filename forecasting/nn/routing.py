"""What the routers did: the load of each expert, and the losses that keep it even and small."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from forecasting.config import NetworkConfig


class Routing(NamedTuple):
    """What a router did with every bar."""

    logits: Float[Tensor, "batch length expert"]
    """Scores before the softmax, in at least float32."""
    picked: Int[Tensor, "batch length pick"]
    """The experts that each bar was sent to."""


class RouterReport(NamedTuple):
    """How all routers of a network spread the known bars of a batch over their experts."""

    loss: Float[Tensor, ""]
    """To be added to the training loss, already weighted; 0 without experts."""
    bars: Int[Tensor, ""]
    """Known bars."""
    picks: Int[Tensor, "layer expert"]
    """Bars that each expert was picked for; dropless, so a layer's sum is bars * picks per bar."""
    entropy: Float[Tensor, " layer"]
    """Entropy of the router's probabilities in nats, summed over bars."""


def report_routing(
    config: NetworkConfig, routings: list[Routing], known: Bool[Tensor, "batch length"]
) -> RouterReport:
    """Losses and loads of all layers' routers, on the known bars alone."""
    bars, n_experts = known.sum(), config.num_experts
    if not routings or not bars:
        picks = known.new_zeros((len(routings), n_experts), dtype=torch.long)
        nothing = torch.zeros(len(routings), device=known.device)
        return RouterReport(nothing.sum(), bars, picks, nothing)
    logits = torch.stack([routing.logits[known] for routing in routings])
    picked = [routing.picked[known].flatten() for routing in routings]
    picks = torch.stack([layer.bincount(minlength=n_experts) for layer in picked])
    probabilities = logits.softmax(dim=-1)
    entropy = torch.special.entr(probabilities.detach()).sum(dim=(1, 2))
    loss = config.router_z_loss_coef * router_z_loss(logits)
    if config.router_balance == "switch":
        switch = router_loss(probabilities.flatten(0, 1), config.num_experts_per_tok)
        loss = loss + config.router_aux_loss_coef * switch
    return RouterReport(loss, bars, picks, entropy)


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


def router_z_loss(logits: Float[Tensor, "*layers token expert"]) -> Float[Tensor, ""]:
    """Mean squared log-sum-exp of the logits, which keeps them small.

    Source: Zoph et al. (2022), ST-MoE, arXiv 2202.08906, equation 5.
    """
    return logits.logsumexp(dim=-1).square().mean()
