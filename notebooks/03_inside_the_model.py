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
# # What goes on inside the model?
#
# **Question:** how long does a small hybrid remember, does it listen harder on event days, do its
# experts divide the market's regimes among themselves, and how far back does its attention look?
# And how much of that did it *learn*?
#
# A short training on the bundled real prices; no network is needed, and all of it takes about a
# minute. Not investment advice.

# %%
# %matplotlib inline

from IPython.display import display

import forecasting as fc
from forecasting.forecaster.inside import plots
from forecasting.forecaster.inside.attention_map import attention_map
from forecasting.forecaster.inside.control import against_untrained
from forecasting.forecaster.inside.look_inside import look_inside

# %%
prices = fc.load(["AAPL", "JNJ", "JPM", "KO", "MSFT", "XOM"], start="2004-01-01")
model = fc.train(
    prices,
    recipe="jamba-tiny",
    overrides=(
        "name=looked-into",
        "training.batch_size=8",
        "training.max_steps=60",
        "training.validate_every=20",
        "training.warmup_steps=10",
    ),
    overwrite=True,
    progress=False,
)

# %% [markdown]
# `look_inside` lets the network forecast the whole history and watches its own modules while it
# does: nothing is recomputed by another formula, and what is measured at a bar comes from that bar
# and those before it. Each layer shows what it has; another recipe has other layers.

# %%
inside = look_inside(model, prices)
inside.layers

# %% [markdown]
# ## How long does it remember?
#
# A state of a Mamba layer fades over a bar by exp(−Δ|A|). The rate |A| was learnt once, the step Δ
# is chosen anew at every bar. So along a real history a state halves every ln 2 / (mean Δ · |A|)
# bars. The quantiles are weighted by how much each state writes and reads; a column a level.

# %%
print(*inside.memory.verdicts, sep="\n")
inside.memory.quantiles().round(1)

# %%
display(plots.memory_figure(inside.memory))

# %% [markdown]
# Days to weeks, hardly ever a year. A longer history reaches the forecast through the features,
# some of which look back 66 bars, and through attention. On the right the memory *at each date*,
# over tickers, channels and states alike: where it dips, the network lets go of its past sooner.

# %% [markdown]
# ## Does it listen harder on event days?
#
# The step is also the gate: a long one writes the bar into the state and pushes out what was there.
# Bars are ranked by their move, the return over the volatility expected the day before, and by
# volatility itself. Errors are by date, since the tickers of a day move together.

# %%
display(plots.selectivity_figure(inside.selectivity))
print(*inside.selectivity.verdicts, sep="\n")

# %% [markdown]
# The sentences are about the largest moves. Mind the scale: a difference that is certain may be a
# per cent. Half-lives shorten by the same factor by which steps grow.

# %% [markdown]
# ## Do the experts divide the regimes?
#
# The market is calm, middling or turbulent by the terciles of *all earlier* dates. Both regimes and
# routing persist, so bars are not independent witnesses: the test shifts one against the other by
# every number of dates and counts how often chance gives as much. V is 0 where each regime uses the
# experts alike, and 1 where they share none.

# %%
display(plots.experts_figure(inside.experts))
print(*inside.experts.verdicts, sep="\n")

# %% [markdown]
# ## How far back does attention look?
#
# A bar sees itself and the 127 before it. Even attention has a mean lag of 63.5 bars, a little less
# at the beginning of a history; 1 in the figure is even.

# %%
display(plots.attention_figure(inside.attention))
inside.attention.lookback.round(2)

# %% [markdown]
# One map, of a year in which there was something to see. A bright column is a day that later days
# come back to; a bright diagonal would be a fixed lag.

# %%
crash = attention_map(model, prices, "JPM", end="2009-06-30", bars=252)
display(plots.map_figure(crash))

# %% [markdown]
# ## How much of this was learnt?
#
# The question that such pictures tend to forget. A network with random weights, fed the same
# prices, has half-lives, steps that follow the moves, and experts that differ between regimes: the
# features change with the regime, and so does whatever is computed from them. Here are
# nineteen of them beside ours, on the last years; `p` says how often one more would lie as far out.
# Nineteen allow no p below 0.1, so this is for looking; ask for more of them where it matters.

# %%
control = against_untrained(model, prices.between("2015-01-01"), networks=19)
control.round(3)

# %% [markdown]
# ## Answer
#
# The tables above say it for this network: what it remembers is short, its steps and its experts
# follow the market a little, its attention is close to even. Whether that was *learnt* the last
# table says, and after a short training most of it usually was not: the numbers lie among those of
# random networks.
#
# What these views cannot tell: whether a forecast would be worse without what they show (an expert
# that is used in crises need not help in crises), what the states hold, or what a single channel
# does, for means over channels and heads hide those that disagree. A weight is not a reason. What
# the network is worth is said by its verdicts on unseen bars, in `01_first_forecast` and
# `05_honest_evaluation`.
