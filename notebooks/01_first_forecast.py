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
# # From tickers to a fan chart and a verdict
#
# **Question:** what will six American stocks do tomorrow, in a week, in a month, and does a small
# Mamba-attention hybrid know more about that than simple baselines do?
#
# Everything here runs on the bundled real prices, without any network, in less than a minute.
# Not investment advice.

# %%
# %matplotlib inline
import forecasting as fc

# %% [markdown]
# ## Prices
#
# `fc.load` gives a `Panel`: aligned arrays with a mask, nothing filled; here daily adjusted closes.
# Your own files work the same way: `fc.load(source="my_prices.csv")`.

# %%
prices = fc.load(["AAPL", "JNJ", "JPM", "KO", "MSFT", "XOM"], start="2004-01-01")
bars, tickers = prices.mask.shape
print(f"{bars} bars of {tickers} tickers, from {prices.source}")

# %% [markdown]
# ## Without training
#
# The package comes with a trained model, `jamba-small`. It was trained and chosen on the bundled
# closes of twenty stocks before February 2013, and its lock says so: it is judged on later bars
# only. What it says of the newest bar, for the next day, week and month:

# %%
shipped = fc.load_model("jamba-small")
columns = ["ticker", "horizon", "volatility", "prob_up", "q05", "q95"]
shipped.forecast(prices).latest()[columns].head(6).round(3)

# %% [markdown]
# ## Training
#
# The recipe says what is trained and where training ends: the first 60 % of the bars for training,
# the next 10 % for choosing the weights, the last 30 % untouched.
#
# To be quick, this is a *short* training of small batches on few tickers; leave out `overrides`
# here, and the tickers above, for the real one. Beside the model its GRU twin is trained on the
# same windows: the baseline that shows whether the architecture earns its keep. Both go to
# `runs/first-forecast`, their metrics to MLflow (`make mlflow` opens it).

# %%
model = fc.train(
    prices,
    recipe="jamba-tiny",
    overrides=(
        "name=first-forecast",
        "training.batch_size=8",
        "training.max_steps=60",
        "training.validate_every=20",
        "training.warmup_steps=10",
    ),
    overwrite=True,
    progress=False,
)
metrics = model.files.metrics
gain = metrics["baseline_validation_nll"] - metrics["validation_nll"]
print(f"{metrics['parameters']:,} parameters, {metrics['seconds']:.0f} s")
print(f"validation gain over the untrained network: {gain:+.4f} nats a bar")
print(f"out of sample from {model.corpus.test_start[:10]}")

# %% [markdown]
# ## A forecast is a distribution
#
# For every ticker, bar and horizon a Student-t of the log return. Quantiles, the chance of a rise,
# volatility and price bands follow from it. Here are the newest ones: `prob_up` is the chance that
# the price is higher that many bars later, `q05` and `q95` enclose nine outcomes in ten.

# %%
fan = model.forecast(prices)
latest = fan.latest().set_index(["ticker", "origin", "horizon"])
latest.loc[["AAPL", "KO", "XOM"], ["price", "volatility", "prob_up", "q05", "q95"]].round(3)

# %%
fan.plot(prices, tickers=["AAPL", "KO", "XOM"])

# %% [markdown]
# ## The verdict
#
# The same bars for all: the network, the shipped one, its twin, and nine baselines fitted on the
# bars before the test. `nll` and `crps` are better when smaller, `cover95` when near 0.95; `gain`
# is how many nats a bar the network is better by. BEATS and LOSES need a Diebold-Mariano test at
# 5 %; the rest is NO EVIDENCE, and `detectable` is the gain that this span would have shown.

# %%
score = fc.evaluate(model, prices, against=shipped)
columns = ["forecaster", "nll", "crps", "cover95", "gain", "t", "detectable", "verdict"]
score.table().set_index("horizon")[columns].round(4)

# %% [markdown]
# Does the predicted *mean* beat a mean of zero? Usually there is no evidence that it does: what can
# be forecast is mostly the width of the distribution.

# %%
score.location.round(4)

# %% [markdown]
# ## A strategy, with costs
#
# Long the best expected return over volatility, short the worst, 5 bps commission and
# 3 bps slippage, decided at one close and filled at the next.

# %%
book = fc.backtest(model, prices, strategy="long_short", cost_bps=5)
book.stats[["cagr", "volatility", "sharpe", "max_drawdown", "turnover", "cost_share"]].round(3)

# %%
book.plot()

# %% [markdown]
# These verdicts compare mean returns and are not matched for risk.

# %%
book.verdicts.round(3)

# %% [markdown]
# ## Answer
#
# The fan charts show what can be said about the next bars: how wide, hardly which way. The verdict
# table says against whom that is worth something on bars the model has never seen, and the strategy
# table what was left of it after costs. One seed, one short training, and tickers that are known to
# have survived: a reason for care, not for an order.
