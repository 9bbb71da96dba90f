"""Trained model folders: read, write, and forecast with them."""

from forecasting.forecaster.network_forecaster import NetworkForecaster as NetworkForecaster
from forecasting.forecaster.network_forecaster import load_forecaster as load_forecaster
from forecasting.forecaster.stream import StreamingForecaster as StreamingForecaster
