from forecasting.market import make_sequences


def test_builds(prices, close_only):
    s = make_sequences(prices)
    assert s.variant == "ohlcv"
    assert make_sequences(close_only).variant == "close"
