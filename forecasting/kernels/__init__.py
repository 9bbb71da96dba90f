"""The hot loops of the network, each a differentiable function behind one contract."""

from forecasting.kernels.causal_conv import causal_conv_silu as causal_conv_silu
from forecasting.kernels.linear import linear as linear
from forecasting.kernels.selective_scan import selective_scan as selective_scan
