"""Features: what the network and the linear baselines may look at, chosen from a catalogue."""

from forecasting.market.features.catalogue import describe as describe
from forecasting.market.features.core import GAP_FEATURE as GAP_FEATURE
from forecasting.market.features.feature_set import feature_names as feature_names
from forecasting.market.features.feature_set import feature_set as feature_set
from forecasting.market.features.feature_set import look_back as look_back
from forecasting.market.features.feature_set import resolve_variant as resolve_variant
from forecasting.market.features.stream import FeatureStream as FeatureStream
from forecasting.market.features.stream import compute_features as compute_features
