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
# # Would my strategy have made money, or was I lucky?
#
# **Question:** how do I turn forecasts into a strategy of my own, what does it earn after all
# costs, and how much of the best result of a search is luck?
#
# A short training on the bundled real prices; no network is needed, and all of it takes a minute
# or two. Not investment advice.

# %%
# %matplotlib inline

import numpy as np
import pandas as pd

import forecasting as fc

pd.options.display.float_format = "{:.3f}".format
pd.options.display.max_colwidth = None

# %%
prices = fc.load(["AAPL", "CVX", "JNJ", "JPM", "KO", "MRK", "MSFT", "XOM"], start="2003-01-01")
model = fc.train(
    prices,
    recipe="jamba-tiny",
    overrides=(
        "name=traded",
        "training.batch_size=8",
        "training.max_steps=60",
        "training.validate_every=20",
        "training.warmup_steps=10",
    ),
    overwrite=True,
    progress=False,
)

# %% [markdown]
# ## A strategy in ten lines
#
# A strategy is a function from a `Forecast` to target weights, one row a bar, signed shares of
# equity. It sees whole distributions, at all horizons. This one holds what will more likely rise
# than fall, and less of what is more uncertain. A row may use forecasts up to its own bar; the
# strategy is asked again with later rows taken away, and refused if an earlier weight changes.


# %%
def calm_optimist(forecast, *, horizon: int = 5, least: float = 0.5):
    """Hold what rises with a chance above `least`, inversely to its predicted volatility."""
    at = forecast.horizons.index(horizon)
    likely = forecast.mask & (forecast.prob_up()[:, :, at] > least)
    calm = np.where(likely, 1 / forecast.volatility[:, :, at], 0.0)
    total = calm.sum(axis=1, keepdims=True)
    return np.divide(calm, total, out=np.zeros_like(calm), where=total > 0)


book = fc.backtest(model, prices, strategy=calm_optimist, cost_bps=5, slippage_bps=3)
print(book.timing)
print(book.cost_words)
book.stats[["cagr", "volatility", "sharpe", "max_drawdown", "turnover", "cost_share"]]

# %% [markdown]
# The span begins on the first bar that the model has not seen. Decisions are made at a close and
# filled on the next bar; all accounts pay the same costs, the benchmarks too. The prices here have
# neither volume nor dividends: dividends are reinvested, and there is no market impact.

# %%
book.plot()

# %% [markdown]
# Did it earn more than cash, or than the simplest portfolios? Each row is a test of the mean
# difference of returns; they are not matched for risk.

# %%
book.verdicts

# %% [markdown]
# ## Could this be luck?
#
# Two questions to the same Sharpe ratio. Would random strategies, that hold as much for as long
# and trade as often, but other names on other days, have done as well? And how high a Sharpe ratio
# does luck find in as many trials as these bars have seen? Every backtest and every training that
# is judged counts in the trial ledger, also those that failed.

# %%
print(book.luck.sentence())
print(book.what_if.random.sentence())
book.plot("random")

# %%
book.intervals

# %% [markdown]
# ## What if it were traded dearer, or later?
#
# Skill that is gone after one bar of delay was skill in that bar, or knowledge of the future.

# %%
book.plot("sensitivity")

# %%
book.plot("costs")

# %% [markdown]
# ## A search, and what its best is worth
#
# Every configuration is traded, and every one counts. The best of many is flattered: its Sharpe
# ratio has to beat what luck alone would find in so many tries (the deflated Sharpe ratio), and the
# choice has to hold on other bars than those it was made on (PBO, the probability of backtest
# overfitting: how often the best of one half of the bars is below the median in the other half).
# Costs are an assumption, not a choice: luck is counted among the configurations that share them.

# %%
search = fc.sweep(
    model,
    prices,
    {
        "top_k": [1, 2, 3],
        "horizon": [1, 5, 21],
        "rebalance_every": [1, 5, 21],
        "cost_bps": [0, 5, 10],
    },
    strategy="long_only",
)
print(search.luck.sentence())
search.top(5)

# %%
search.plot()

# %% [markdown]
# A parameter that is chosen may be judged only on bars that the choice has not seen. On the folds
# of `fc.walk_forward`, `fc.chosen_in_folds` chooses before each fold what was best until then, and
# trades the fold with it.
#
# ## Tomorrow's orders
#
# The engine's own decision at the newest bar, as a list of orders for the next session.

# %%
orders = fc.paper_orders(model, prices, strategy=calm_optimist, capital=100_000, whole_shares=True)
orders.orders

# %% [markdown]
# ## Answer
#
# Ten lines make a strategy, and one call trades it with costs beside buying everything and going
# home. What it earned is mostly what these tickers earned: they are known to have survived. The
# luck sentence, the random strategies and the deflated best of the search say how much of the rest
# needs an explanation. Where they say LUCK IS ENOUGH, there is nothing to trade.
