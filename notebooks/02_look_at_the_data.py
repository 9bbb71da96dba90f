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
# # Look at the data first
#
# **Question:** can these prices be trusted, what does a model get to see of them, and what in them
# can be forecast at all?
#
# Prices are fetched into the local store, checked, turned into features, and set beside simulated
# markets whose truth is known. Without a network the bundled real prices take their place. Nothing
# is trained here; it takes half a minute. Not investment advice.

# %%
# %matplotlib inline
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import display

import forecasting as fc
from forecasting.market.checks import quarantine
from forecasting.market.checks.plots import plot_finding
from forecasting.market.checks.summary import by_check
from forecasting.market.coverage import coverage
from forecasting.market.features import compute_features, describe, feature_names
from forecasting.market.plots import plot_coverage, plot_prices
from forecasting.market.simulation import simulate_with_truth

plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False, "font.size": 9})

# %% [markdown]
# ## Fetch
#
# `fc.fetch` asks Yahoo politely, about one request a second. What arrives is kept in the store,
# what does not is listed with the reason; the next fetch asks for the new bars only. The prices are
# for your personal use: do not publish them.

# %%
tickers = ["AAPL", "IBM", "MSFT", "GOOG"]
report = fc.fetch(tickers, start="2000-01-01")
if report.stored:
    prices = fc.load(list(report.stored), "store")
    for reason in report.failed.values():
        print(f"Not stored: {reason}")
else:
    reason = report.stopped or " ".join(report.failed.values())
    print(f"Nothing was fetched, so the bundled prices are used: {reason}")
    prices = fc.load(tickers, "sample-ohlcv")
print(f"{prices.mask.sum():,} bars from {prices.source}")

# %% [markdown]
# ## What there is
#
# A ticker has bars from its listing on, not before: `GOOG` was listed in 2004. Nothing is filled.
# `missing` counts sessions of the New York Stock Exchange without a bar between the first and the
# last one, `off_session` counts bars on days when it was closed. Both should be zero.

# %%
display(coverage(prices))
plot_coverage(prices)

# %% [markdown]
# The close is what the source quotes (Yahoo has taken splits out of it already). The adjusted close
# undoes splits and reinvests dividends, so its *returns* are what a holder earned; its *level* is
# an accounting device that changes with every dividend. Everything below looks at returns only.
# Red: a split with its ratio, and a short stroke for each dividend.

# %%
plot_prices(prices, prices.tickers[:2])

# %% [markdown]
# ## The data doctor
#
# `fc.inspect` looks for what cannot be right (error), what a person has to look at (warning) and
# what is worth knowing (note). It repairs nothing. Long histories have a few findings each, such as
# Microsoft's special dividend of 2004, where the source records it. `forecasting data check` says
# the same in a terminal.

# %%
pd.DataFrame(by_check(fc.inspect(prices)))

# %% [markdown]
# Here is a real one, from the bundled prices. On 2003-01-29 the source had no bar of Apple and sent
# the day before once more: a return of zero that never was, and the return of two days on the next.

# %%
bundled = fc.load(source="sample-ohlcv")
findings = fc.inspect(bundled)
stale = next(each for each in findings if each.check == "repeated-bar")
print(f"seen: {stale.seen}\nexpected: {stale.expected}\nnext: {stale.next_step}")
plot_finding(bundled, stale)

# %% [markdown]
# The remedy is a quarantine: a small table, one line for each stretch of bars to leave out, with
# the reason. You read it, strike out what you do not believe, and apply it. The bar is then
# missing, which is the truth.

# %%
proposed = quarantine.propose(findings, bundled.interval)
print(quarantine.apply(bundled, proposed).source)
pd.DataFrame(proposed)

# %% [markdown]
# A warning is a question, not a verdict. In the prices `sample`, which have closes only, the doctor
# asks whether Apple's halving on 2000-09-29 was a split; it was a profit warning. With volumes, as
# here, it does not need to ask: news multiplies the money traded, a split leaves it as it was.
#
# ## Features
#
# A model never sees a price. It sees features: numbers without a currency, known at the close of
# their bar at the latest. `s` is the volatility, the root of an exponentially weighted average of
# squared returns (EWMA); `look_back` is how many bars it takes before there is a first value.
#
# All stay within a few units, whatever the share and the year: that is what the scaling by `s` is
# for. Below the table, their distributions over all tickers, then some of one ticker over time.

# %%
catalogue = pd.DataFrame(describe()).set_index("name")
print(f"{len(catalogue)} features; some of them:")
chosen = ["return_1", "log_range_1", "volume_surprise", "overnight_share_22", "momentum_252"]
catalogue.loc[["log_volatility", *chosen, "beta_252"], ["unit", "look_back", "known", "formula"]]

# %%
DECAY = 0.94  # of the volatility s, as in the recipes
variant = "+".join(["ohlcv", *chosen, "beta_252", "rank_volatility"])
features, volatility = compute_features(prices, variant, DECAY)
names = feature_names(variant)
grids = {name: pd.DataFrame(features[:, :, j], prices.times) for j, name in enumerate(names)}
figure, axes = plt.subplots(2, 3, figsize=(9, 4.4), layout="constrained")
for axis, name in zip(axes.flat, ["log_volatility", *chosen], strict=True):
    axis.hist(grids[name].stack(), bins=80, density=True, color="#1f5fa8")
    axis.set(title=name, xlabel=catalogue.unit[name], yticks=[])
figure, axes = plt.subplots(4, 1, figsize=(9, 6), sharex=True, layout="constrained")
over_time = ["return_1", "log_volatility", "volume_surprise", "momentum_252"]
for axis, name in zip(axes, over_time, strict=True):
    axis.plot(grids[name][0], lw=0.6, color="#1f5fa8")
    axis.set_title(f"{prices.tickers[0]}: {name}", loc="left")
    axis.set_ylabel(catalogue.unit[name])
plt.show()

# %% [markdown]
# Many say nearly the same: the averages of squares and of ranges overlap. The network does not
# mind; a linear model would need fewer.

# %%
correlation = pd.DataFrame({name: grid.stack() for name, grid in grids.items()}).corr()
figure, axis = plt.subplots(figsize=(7.6, 6.4), layout="constrained")
drawn = axis.imshow(correlation, vmin=-1, vmax=1, cmap="RdBu_r")
axis.set_xticks(range(len(names)), names, rotation=90, fontsize=8)
axis.set_yticks(range(len(names)), names, fontsize=8)
figure.colorbar(drawn, label="correlation", shrink=0.7)
plt.show()

# %% [markdown]
# **No feature sees the future.** Make the last bar three times as large: prices, volume,
# everything. All features before it stay the same to the last bit.

# %%
changed = prices.values.copy()
changed[-1] *= 3
after, _ = compute_features(replace(prices, values=changed), variant, DECAY)
past_equal = np.array_equal(features[:-1], after[:-1], equal_nan=True)
last_equal = np.array_equal(features[-1], after[-1], equal_nan=True)
print(f"features before the last bar are identical: {past_equal}")
print(f"features of the last bar are identical: {last_equal}")

# %% [markdown]
# **The market as a feature.** Some features are of all tickers of the same bar: their mean, or a
# ticker's rank among them. The market is whatever you load: with four tickers it is a small one.

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
yearly = 100 * np.sqrt(prices.bars_per_year)
axes[0].plot(prices.times, yearly * volatility, lw=0.5, color="#9aa5b1")
axes[0].plot(yearly * np.exp(grids["market_volatility"].mean(axis=1)), lw=1.2, color="#1f5fa8")
axes[0].set(title="volatility: each ticker (grey), market", ylabel="% a year", yscale="log")
axes[0].set_yticks([10, 20, 50, 100], ["10", "20", "50", "100"])
axes[1].plot(prices.times, np.sinh(grids["beta_252"]), lw=1, label=prices.tickers)
axes[1].set(title="beta to the market, 252 bars", ylabel="beta")
axes[1].legend(fontsize=8, frameon=False, ncols=2)
plt.show()

# %% [markdown]
# ## What may be forecast, and what may not
#
# Calm days follow calm days, and wild days wild ones. The sign of a day says next to nothing about
# the next; its size says a lot. An autocorrelation is the correlation of a series with itself some
# days earlier. The grey band is where 95 % of them would lie if days were independent; with
# clustered volatility, as here, the true band for returns is somewhat wider.

# %%
returns = pd.DataFrame(prices.column("adj_close"), prices.times, prices.tickers)
returns = returns.apply(lambda close: np.log(close.dropna()).diff())
lags = range(1, 61)
series = {"returns": returns, "squared returns": returns**2, "absolute returns": returns.abs()}
figure, axes = plt.subplots(1, 3, figsize=(9, 3), sharey=True, layout="constrained")
for axis, (name, values) in zip(axes, series.items(), strict=True):
    for ticker in prices.tickers:
        own = values[ticker].dropna()
        axis.plot(lags, [own.autocorr(lag) for lag in lags], lw=1, label=ticker)
    band = 1.96 / np.sqrt(len(own))
    axis.axhspan(-band, band, color="#dddddd")
    axis.set(title=name, xlabel="bars apart")
axes[0].set_ylabel("autocorrelation")
axes[0].legend(fontsize=8, frameon=False)
plt.show()

# %% [markdown]
# Returns stay about their band at all lags: **which way** the price goes can hardly be forecast
# from its own past. Absolute returns stay above it for months: **how far** it goes can. One crash
# can drown the squares of a whole history, Apple's of 2000 for one; absolute values and logarithms
# are not so easily deafened, which is why the features are logarithms.
#
# ## A market whose truth is known
#
# No real market ever shows its volatility. A simulated one does: grey are the returns, red is the
# best forecast of their size that can be made a day ahead, blue is what the EWMA `s` makes of the
# returns alone. It follows, late and with noise. That gap is what a model may win.

# %%
simulated, truth = simulate_with_truth("leverage", n_tickers=8, n_bars=3000, seed=0)
_, estimate = compute_features(simulated, "close", DECAY)
shown = slice(1000, 1750)
moves = np.diff(np.log(simulated.column("adj_close")[:, 0]), prepend=np.nan)
figure, axis = plt.subplots(figsize=(9, 3.2), layout="constrained")
axis.bar(range(1000, 1750), 100 * np.abs(moves[shown]), color="#c9ced6", width=1, label="|return|")
axis.plot(range(1000, 1750), 100 * truth.expected_volatility[shown, 0], "#b3261e", label="truth")
axis.plot(range(1000, 1750), 100 * estimate[999:1749, 0], "#1f5fa8", label="EWMA, a day before")
axis.set(title="SIM01, market 'leverage'", xlabel="bar", ylabel="% a day")
axis.legend(fontsize=8, frameon=False)
plt.show()

# %% [markdown]
# The same statistics for real prices and for four simulated markets, means over their tickers.
# `random-walk` has nothing to find, however wild its days are. `signal` hides a reversal of 0.05 in
# its returns: a good deal more than most real signals have, and `band` says that a single ticker's
# history can hardly tell it from chance.

# %%
rows = {}
for market in ("real", "leverage", "volatility", "random-walk", "signal"):
    panel = prices if market == "real" else fc.simulate(market, n_tickers=8, n_bars=3000)
    closes = pd.DataFrame(panel.column("adj_close"))
    moves = closes.apply(lambda close: np.log(close.dropna()).diff())
    rows[market] = {
        "return, 1 apart": moves.apply(pd.Series.autocorr).mean(),
        "|return|, 1 apart": moves.abs().apply(pd.Series.autocorr).mean(),
        "|return|, 20 apart": moves.abs().apply(pd.Series.autocorr, lag=20).mean(),
        "excess kurtosis": moves.kurt().mean(),
        "band, one ticker": 1.96 / np.sqrt(moves.count().mean()),
    }
pd.DataFrame(rows).T.round(3)

# %% [markdown]
# ## Answer
#
# Prices can be trusted as far as they were looked at: most bars are fine, a few are not, and the
# doctor names those. A model sees scaled features that know nothing of the future. What it can
# learn is mostly how wide the next days will be, hardly which way they go; a model that claims
# much more deserves the same doubt as a split that nobody recorded.
#
# Next: `01_first_forecast` trains a model and judges it. `forecasting features` prints the whole
# catalogue, `forecasting data check --quarantine FILE` writes the table to edit, and
# `simulated-random-walk` is the market on which no forecaster should win: try yours there first.
