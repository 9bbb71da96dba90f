"""Write down what the shipped model forecasts on the bundled sample: `make golden`.

    python tests/goldens/rebuild_shipped_forecasts.py

To be run when `make pretrain` has put other weights into `models/`, and for no other reason: a
change of the code that moves these numbers has changed what the model says.
"""

import json
from pathlib import Path

import forecasting as fc
from forecasting import paths

NAME = "jamba-small"
FOLDER = paths.shipped_models() / NAME
GOLDEN = Path(__file__).with_name("shipped_forecasts.json")
TICKERS = ("AAPL", "JPM", "XOM")
DATES = ("2008-10-10", "2013-02-04", "2017-06-30", "2020-03-16", "2022-12-28")


def shipped_forecasts() -> dict[str, list]:
    """The parameters of the model's laws, and their volatility, as (date, ticker, horizon)."""
    forecast = fc.load_model(FOLDER).forecast(fc.load()).select(TICKERS)
    days = [str(time)[:10] for time in forecast.times]
    law = forecast.law[[days.index(date) for date in DATES]]
    told = {**law.columns(), "volatility": law.standard_deviation()}
    return {name: values.tolist() for name, values in told.items()}


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(shipped_forecasts(), indent=1) + "\n")
    print(f"{GOLDEN}: {len(DATES)} dates, {len(TICKERS)} tickers")
