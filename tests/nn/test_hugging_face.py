import warnings

import pytest
import torch

from forecasting.config import NetworkConfig
from forecasting.nn.backbone import Backbone

pytestmark = pytest.mark.oracle

CONFIG = NetworkConfig(
    hidden_size=32,
    num_hidden_layers=6,
    attn_layer_period=3,
    attn_layer_offset=1,
    expert_layer_period=2,
    expert_layer_offset=1,
    sliding_window=64,
    num_experts=5,
    num_experts_per_tok=2,
    dropout=0.0,
)


@pytest.fixture(scope="module")
def jamba():
    """Hugging Face's Jamba of the same shape, on its pure PyTorch path."""
    transformers = pytest.importorskip(
        "transformers", reason="needs transformers: pip install 'forecasting[oracle]'"
    )
    shared = CONFIG.model_dump(
        exclude={"mixer", "sliding_window", "dropout", "mamba_dt_rank"}, exclude_none=True
    )
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # not our code
        config = transformers.JambaConfig(vocab_size=8, use_cache=False, **shared)
        return transformers.JambaModel(config).eval()


def test_weights_map_one_to_one_and_answers_agree(jamba):
    backbone = Backbone(CONFIG).eval()
    torch.manual_seed(1)
    for parameter in backbone.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    report = jamba.load_state_dict(backbone.state_dict(), strict=False)
    assert report.missing_keys == ["embed_tokens.weight"]
    assert report.unexpected_keys == []
    hidden = torch.randn(2, 50, 32)
    with torch.no_grad():
        truth = jamba(inputs_embeds=hidden).last_hidden_state
        found, routings = backbone(hidden)
    assert len(routings) == 3
    assert torch.allclose(found, truth, rtol=1e-4, atol=1e-5)


def test_router_losses_agree(jamba):
    from transformers.models.jamba.modeling_jamba import load_balancing_loss_func

    from forecasting.nn.moe import router_loss

    logits = torch.randn(3, 40, 5)
    truth = load_balancing_loss_func(tuple(logits), num_experts=5, top_k=2)
    found = router_loss(logits.flatten(0, 1).softmax(dim=-1), 2)
    assert torch.allclose(found, truth, rtol=1e-6)
