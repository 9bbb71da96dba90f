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
# **Question:** what will eight American stocks do tomorrow, in a week, in a month, and does a small
# Mamba-attention hybrid know more about that than simple baselines do?
#
# Everything here runs on the bundled real prices, without any network, in about a minute.
# Not investment advice.

# %%
import forecasting as fc

# %% [markdown]
# ## Prices
#
# `fc.load` gives a `Panel`: aligned arrays with a mask, nothing filled; here daily adjusted closes.
# Your own files work the same way: `fc.load(source="my_prices.csv")`.

# %%
prices = fc.load(["AAPL", "BAC", "CVX", "JNJ", "JPM", "KO", "MSFT", "XOM"], start="2000-01-01")
print(prices.source, prices.times[0], prices.times[-1], prices.mask.shape)

# %% [markdown]
# ## Training
#
# The recipe says what is trained and where training ends: the first 60 % of the bars for training,
# the next 10 % for choosing the weights, the last 30 % untouched. A short training here; leave out
# `overrides` for the real one.

# %%
model = fc.train(
    prices,
    recipe="jamba-tiny",
    out="runs/first-forecast",
    overrides=("training.max_steps=75", "training.validate_every=25"),
    overwrite=True,
    progress=False,
)
metrics = model.files.metrics
print(f"{metrics['parameters']:,} parameters, {metrics['seconds']:.0f} s")
print(f"out of sample from {model.corpus.test_start[:10]}")

# %% [markdown]
# ## A forecast is a distribution
#
# For every ticker, bar and horizon a Student-t of the log return. Quantiles, the chance of a rise,
# volatility and price bands follow from it.

# %%
fan = model.forecast(prices)
fan.latest()[["ticker", "origin", "horizon", "volatility", "prob_up", "q05", "q50", "q95"]].head(6)

# %%
fan.plot(prices, tickers=["AAPL", "KO", "XOM"])

# %% [markdown]
# ## The verdict
#
# The same bars for all: the network, its GRU twin, and four baselines fitted on the bars before
# the test. BEATS and LOSES need a Diebold-Mariano test at 5 %; the rest is NO EVIDENCE.

# %%
score = fc.evaluate(model, prices)
score.table()[["horizon", "forecaster", "nll", "crps", "cover95", "gain", "t", "verdict"]]

# %% [markdown]
# Does the predicted *mean* beat a mean of zero? Usually there is no evidence that it does: what can
# be forecast is mostly the width of the distribution.

# %%
score.location

# %% [markdown]
# ## A strategy, with costs
#
# Long the best expected return over volatility, short the worst, 5 bps commission and
# 3 bps slippage, decided at one close and filled at the next.

# %%
book = fc.backtest(model, prices, strategy="long_short", cost_bps=5)
book.stats[["cagr", "volatility", "sharpe", "max_drawdown", "turnover"]]

# %%
for comparison in book.comparisons:
    print(comparison.verdict, "against", comparison.against, f"(t {comparison.test.t:+.1f})")

# %% [markdown]
# ## Answer
#
# The fan charts show what can be said about the next bars: how wide, hardly which way. The verdict
# table says against whom that is worth something on bars the model has never seen, and the strategy
# table what was left of it after costs. One seed, one fit, and tickers that are known to have
# survived: a reason for care, not for an order.
