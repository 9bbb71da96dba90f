"""A model folder as an MLflow pyfunc: code and safetensors, no pickle.

MLflow runs this file when it loads the model (models-from-code). The input is a long table of bars,
one row a ticker and bar; the output is each ticker's newest forecast.
"""

from typing import Any

import mlflow
import pandas as pd
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from forecasting.errors import DataError
from forecasting.forecaster.network_forecaster import NetworkForecaster, load_forecaster
from forecasting.market.panel import COLUMNS, Panel


class ForecastModel(PythonModel):
    """Forecasts the bars after the last one of each ticker."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the model folder that was logged as an artifact."""
        self.forecaster: NetworkForecaster = load_forecaster(context.artifacts["model_folder"])

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Newest forecast of each ticker, in the columns of `Forecast.to_frame`.

        Args:
            context: Given by MLflow.
            model_input: Columns ticker, time and adj_close, further ones of `COLUMNS` as the model
                needs them; each ticker's rows in order of time.
            params: None are known.

        Raises:
            DataError: The table is not what a `Panel` can be made of.
        """
        panel = panel_from_table(model_input, self.forecaster.corpus.interval)
        return self.forecaster.forecast(panel).latest()


def panel_from_table(table: pd.DataFrame, interval: str) -> Panel:
    """A panel from a long table with the columns ticker and time.

    Raises:
        DataError: A compulsory column is missing, or the bars are malformed.
    """
    for name in ("ticker", "time", "adj_close"):
        if name not in table:
            raise DataError(
                f"the input has the columns {list(table.columns)}: expected ticker, time and "
                "adj_close. Send one row a ticker and bar."
            )
        if name != "adj_close" and table[name].isna().any():
            raise DataError(f"the input has rows without a {name}: expected one on each row.")
    columns = [name for name in COLUMNS if name in table]
    try:
        times = pd.DatetimeIndex(table["time"])
        values = table[columns].astype(float).set_index(times)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"the input cannot be read ({error}): expected dates as time and numbers as prices."
        ) from error
    tickers = table["ticker"].astype(str).to_numpy()
    frames = {ticker: values[tickers == ticker] for ticker in dict.fromkeys(tickers)}
    return Panel.from_frames(frames, interval=interval, source="the request")


mlflow.models.set_model(ForecastModel())
