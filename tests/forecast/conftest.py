"""A small forecast with holes, whose numbers are easy to check by hand."""

import numpy as np
import pandas as pd
import pytest

from forecasting.forecast.forecast import Forecast
from forecasting.forecast.student_t import StudentT


@pytest.fixture
def forecast() -> Forecast:
    """Five days, two tickers, horizons 1 and 5; AAA starts on day 1, BBB lacks the last two."""
    shape = (5, 2, 2)
    loc = np.arange(20.0).reshape(shape) / 1_000
    scale = 0.01 + np.arange(20.0).reshape(shape) / 2_000
    df = np.full(shape, 5.0)
    loc[0, 0], loc[3:, 1] = np.nan, np.nan
    # One horizon alone is no forecast.
    scale[1, 1, 1] = np.nan
    price = 100.0 + np.arange(10.0).reshape(5, 2)
    law = StudentT(loc, scale, df)
    times = pd.bdate_range("2020-01-06", periods=5).to_numpy()
    return Forecast("test", times, ("AAA", "BBB"), (1, 5), price, law)
