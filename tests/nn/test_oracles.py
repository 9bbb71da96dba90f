"""The backbone against independent implementations, weights copied both ways."""

import logging
import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from forecasting.config import NetworkConfig
from forecasting.nn.hugging_face import (
    from_hf_jamba,
    hf_jamba_config,
    hf_mamba_config,
    to_hf_jamba,
    to_hf_mamba,
)
from forecasting.nn.network import ForecastNetwork
from forecasting.nn.routing import router_loss

pytestmark = pytest.mark.oracle

JAMBA = NetworkConfig(
    hidden_size=32,
    num_hidden_layers=8,
    attn_layer_period=4,
    attn_layer_offset=2,
    intermediate_size=48,
    num_experts=5,
    sliding_window=64,
    dropout=0.0,
)
MAMBA = NetworkConfig(
    hidden_size=32,
    num_hidden_layers=3,
    attn_layer_period=None,
    intermediate_size=0,
    dropout=0.0,
    mamba_inner_norms=False,
)
LENGTH = 50


@pytest.fixture(scope="module")
def transformers() -> Any:
    return pytest.importorskip(
        "transformers", reason="needs transformers: pip install 'forecasting[oracle]'"
    )


def make_network(config: NetworkConfig) -> ForecastNetwork:
    """A network far from its start, where norms are 1 and step sizes small."""
    torch.manual_seed(1)
    network = ForecastNetwork(config, n_features=4, n_horizons=1).eval()
    for parameter in network.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return network


def make_model(transformers: Any, kind: str, arguments: dict) -> nn.Module:
    """A model of Hugging Face's on its pure PyTorch path."""
    logging.getLogger("transformers").setLevel(logging.ERROR)
    config = getattr(transformers, f"{kind}Config")(**arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # not our code
        return getattr(transformers, f"{kind}Model")(config).eval()


def load(model: nn.Module, weights: dict[str, Tensor], words: str) -> nn.Module:
    report = model.load_state_dict(weights, strict=False)
    assert report.missing_keys == [words]
    assert not report.unexpected_keys
    return model


@pytest.fixture(scope="module")
def pair(transformers) -> tuple[ForecastNetwork, nn.Module]:
    """Our network and Hugging Face's Jamba with its weights."""
    network = make_network(JAMBA)
    jamba = make_model(transformers, "Jamba", hf_jamba_config(JAMBA))
    return network, load(jamba, to_hf_jamba(network), "embed_tokens.weight")


def assert_agree(
    ours: nn.Module, theirs: nn.Module, names: dict[str, str], answer=lambda model, x: model(x)
) -> None:
    """Outputs and the gradients of input and weights, to 1e-5 of each tensor's largest entry."""
    torch.manual_seed(2)
    x, dy = torch.randn(2, LENGTH, 32), torch.randn(2, LENGTH, 32)
    results = []
    for model, call in ((ours, lambda m, x: m(x)[0]), (theirs, answer)):
        leaf = x.clone().requires_grad_()
        y = call(model, leaf)
        parameters = dict(model.named_parameters())
        wanted = [parameters[name] for name in (names if model is ours else names.values())]
        results.append([y, *torch.autograd.grad(y, [leaf, *wanted], dy)])
    for name, found, truth in zip(["output", "input", *names], *results, strict=True):
        error = (found - truth).abs().max() / truth.abs().max().clamp(min=1)
        assert error < 1e-5, f"{name}: {float(error):.2g}"


def by_embeddings(model: nn.Module, x: Tensor) -> Tensor:
    return model(inputs_embeds=x).last_hidden_state


def test_jamba_of_hugging_face_gives_the_same_answers_and_gradients(pair):
    network, jamba = pair
    names = {name: name for name, _ in network.backbone.named_parameters()}
    assert sum("experts" in name for name in names) == 2 * 4
    assert_agree(network.backbone, jamba, names, by_embeddings)


def test_weights_come_back_from_hugging_face(transformers):
    theirs = make_model(transformers, "Jamba", hf_jamba_config(JAMBA))
    torch.manual_seed(3)
    for parameter in theirs.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    network = make_network(JAMBA)
    network.backbone.load_state_dict(from_hf_jamba(theirs.state_dict(), JAMBA))
    x = torch.randn(1, LENGTH, 32)
    with torch.no_grad():
        assert torch.allclose(
            network.backbone(x)[0], by_embeddings(theirs, x), rtol=1e-4, atol=1e-5
        )


def test_steps_agree_with_the_cache_of_hugging_face(pair):
    network, jamba = pair
    x = torch.randn(2, LENGTH, 32)
    prefill = 12
    state, cache = network.backbone.initial_state(2), None
    with torch.no_grad():
        whole = by_embeddings(jamba, x)
        for start, stop in ((0, prefill), *((t, t + 1) for t in range(prefill, LENGTH))):
            ours, state = network.backbone.advance(x[:, start:stop], state)
            told = jamba(inputs_embeds=x[:, start:stop], past_key_values=cache, use_cache=True)
            cache = told.past_key_values
            for truth in (told.last_hidden_state, whole[:, start:stop]):
                assert torch.allclose(ours, truth, rtol=1e-4, atol=1e-5)


def test_a_window_shorter_than_the_sequence_is_another_network(pair):
    _, jamba = pair
    narrow = make_network(NetworkConfig(**(JAMBA.model_dump() | {"sliding_window": 20})))
    x = torch.randn(1, LENGTH, 32)
    with torch.no_grad():
        ours, theirs = narrow.backbone(x)[0], by_embeddings(jamba, x)
    assert torch.allclose(ours[:, :20], theirs[:, :20], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(ours[:, 20:], theirs[:, 20:], rtol=1e-2, atol=1e-2)


def test_jamba_of_mambapy_gives_the_same_answers(pair):
    mambapy = pytest.importorskip(
        "mambapy.jamba", reason="needs mambapy: pip install 'forecasting[oracle]'"
    )
    network, _ = pair
    config = mambapy.JambaLMConfig(
        d_model=32,
        n_layers=8,
        mlp_size=48,
        rms_norm_eps=JAMBA.rms_norm_eps,
        num_attention_heads=4,
        num_key_value_heads=2,
        num_experts=5,
        num_experts_per_tok=2,
        attn_layer_offset=2,
        attn_layer_period=4,
        vocab_size=8,
    )
    theirs = mambapy.JambaLM(config).eval()
    report = theirs.load_state_dict(as_mambapy(to_hf_jamba(network)), strict=False)
    assert set(report.missing_keys) == {"embedding.weight", "lm_head.weight"}
    assert not report.unexpected_keys
    x = torch.randn(2, LENGTH, 32)
    with torch.no_grad():
        truth = theirs.final_layernorm(theirs.jamba(x)[0])
        assert torch.allclose(network.backbone(x)[0], truth, rtol=1e-4, atol=1e-5)


def as_mambapy(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The names of mambapy, where a dense feed-forward is a mixture of one expert."""
    named = {}
    for name, weight in weights.items():
        name = name.replace("pre_ff_", "pre_moe_").replace("feed_forward", "moe")
        name = name.replace("b_layernorm", "B_layernorm").replace("c_layernorm", "C_layernorm")
        name = name if name.startswith("final") else f"jamba.{name}"
        prefix, _, leaf = name.partition(".experts.")
        if leaf:
            parts = ("gate_proj", "up_proj") if leaf == "gate_up_proj" else ("down_proj",)
            for e, both in enumerate(weight):
                for part, matrix in zip(parts, both.chunk(len(parts)), strict=True):
                    named[f"{prefix}.experts.{e}.{part}.weight"] = matrix
        elif ".moe." in name and "router" not in name:
            named[name.replace(".moe.", ".moe.experts.0.")] = weight
        else:
            named[name] = weight
    return named


def test_mamba_of_hugging_face_gives_the_same_answers_and_gradients(transformers):
    network = make_network(MAMBA)
    weights = to_hf_mamba(network)
    mamba = make_model(transformers, "Mamba", hf_mamba_config(MAMBA))
    load(mamba, weights, "embeddings.weight")
    ours = (name for name, _ in network.backbone.named_parameters())
    names = dict(zip(ours, weights, strict=True))
    assert_agree(network.backbone, mamba, names, by_embeddings)


def test_router_losses_agree(transformers):
    from transformers.models.jamba.modeling_jamba import load_balancing_loss_func

    logits = torch.randn(3, 40, 5)
    truth = load_balancing_loss_func(tuple(logits), num_experts=5, top_k=2)
    found = router_loss(logits.flatten(0, 1).softmax(dim=-1), 2)
    assert torch.allclose(found, truth, rtol=1e-6)
