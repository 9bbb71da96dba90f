# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What is a forecast worth, and can the number be believed?
#
# **Question:** does a small hybrid know more of six stocks than simple baselines do, are its bands
# as wide as they claim, and would we notice if it had seen the future?
#
# A short training on the bundled real prices; no network is needed, and all of it takes two
# minutes. Not investment advice.

# %%
# %matplotlib inline

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import display

import forecasting as fc
from forecasting.evaluation import plots
from forecasting.evaluation.audit.future_perturbation import future_perturbation
from forecasting.evaluation.audit.information import feature_alarm
from forecasting.evaluation.audit.stage import Stage
from forecasting.evaluation.calibration.coverage import conformal_table
from forecasting.evaluation.calibration.plots import coverage_figure
from forecasting.evaluation.scores.cells import common_cells
from forecasting.workflow.audit.audit import SLOW, TESTS

plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False, "font.size": 9})
pd.options.display.float_format = "{:.4f}".format
pd.options.display.max_colwidth = None

# %%
prices = fc.load(["AAPL", "JNJ", "JPM", "KO", "MSFT", "XOM"], start="2004-01-01")
model = fc.train(
    prices,
    recipe="jamba-tiny",
    overrides=(
        "name=honest",
        "training.batch_size=8",
        "training.max_steps=60",
        "training.validate_every=20",
        "training.warmup_steps=10",
    ),
    overwrite=True,
    progress=False,
)

# %% [markdown]
# ## The verdict
#
# All forecasters answer for the same (ticker, bar, horizon) cells of the years after training. A
# gain is the mean difference of log scores, over the tickers of a date first: tickers of one day
# are not independent. BEATS *overall* asks for a significant gain over every single baseline;
# LOSES, that some baseline is better after allowing for their number. `detectable` is the power
# statement: the smallest gain that this span would have shown four times out of five.

# %%
score = fc.evaluate(model, prices)
overall = score.overall
columns = ["horizon", "against", "verdict", "best_rival", "gain_over_best", "t", "detectable"]
overall[columns]

# %%
score.table().query("horizon == 1")

# %% [markdown]
# A mean over ten years may hide that all of it comes from one of them.

# %%
display(plots.gains_by_part(score))

# %% [markdown]
# ## Are the bands honest?
#
# Coverage is counted with its error bar. *Adaptive conformal* calibration moves each band by what
# has been known at the close of each bar, and by nothing later: a miss of the 21-bar band counts
# when its 21 bars are over.

# %%
start = model.corpus.test_start
span = prices.between(start)
forecast = model.forecast(prices).between(start)
calibrated = fc.calibrate(forecast, prices)
cells, _ = common_cells(span, [forecast, calibrated])
names = (forecast.name, calibrated.name)
bands = conformal_table(cells, names, span.times)
bands.query("level == 0.9").drop(columns="level")

# %%
display(coverage_figure(cells, *names, span))

# %% [markdown]
# ## Has anything seen the future?
#
# The audit changes what comes later and asks whether anything that was said earlier moves; it cuts
# histories, permutes tickers, shifts labels, trains again where there is nothing to find and where
# it is known what there is. Here are its quick tests; `forecasting audit MODEL` makes all ten and
# stamps the model with the result.

# %%
quick = fc.audit(model, prices, tests=[name for name in TESTS if name not in SLOW])
print(quick.headline)
quick.table().drop_duplicates(["test", "outcome"])[["test", "outcome", "measured"]]

# %% [markdown]
# ## What a leak looks like
#
# Three features that look innocent. The first is honest: today's return over its past month. The
# second is the same, normalised by the mean and deviation *of the whole history*, as in many
# published pipelines. The third is tomorrow's return under another name, as a `shift(-1)` in the
# wrong line makes it.

# %%
past = Stage(
    "over the past month",
    lambda panel: (
        pd.DataFrame(np.log(panel.column("adj_close")))
        .diff()
        .pipe(lambda r: (r - r.rolling(22).mean()) / r.rolling(22).std())
        .to_numpy()
    ),
)
whole = Stage(
    "over the whole history",
    lambda panel: (
        pd.DataFrame(np.log(panel.column("adj_close")))
        .diff()
        .pipe(lambda r: (r - r.mean()) / r.std())
        .to_numpy()
    ),
)
shifted = Stage(
    "shifted the wrong way",
    lambda panel: pd.DataFrame(np.log(panel.column("adj_close"))).diff().shift(-1).to_numpy(),
)
found = [
    future_perturbation([stage], prices, cuts=[2000, 4000]) for stage in (past, whole, shifted)
]
pd.DataFrame([finding for (finding,) in found])[["stage", "outcome", "measured"]]

# %% [markdown]
# The third would have made a fine backtest. The information alarm does not even need to change
# the future: no honest feature of daily prices goes along with the next return like that.

# %%
alarm = feature_alarm(shifted.compute(prices)[:, :, None], ["shifted"], prices)
print(alarm.outcome, "-", alarm.measured)

# %% [markdown]
# ## Answer
#
# The overall verdict above is the answer for these six stocks, with the power statement beside it:
# a gain smaller than `detectable` could not have been seen. The bands of a model that was fitted
# once drift with the market, and calibration brings them back after the fact, never before it. And
# a leak does not look like a bug: it looks like a good result. So no number here stands without
# its audit. Train on your own tickers, then run `forecasting audit`.
