"""The model card: what a stranger has to know before trusting a model folder.

It is made of sections. Training writes all of them; an evaluation and every opening of the hold-out
replace their own and leave the others as they are.
"""

from collections.abc import Sequence

from forecasting.config import Recipe
from forecasting.forecaster.corpus import Corpus
from forecasting.forecaster.openings import Opening
from forecasting.market.panel import day
from forecasting.market.splits import SplitDates

EVALUATION = "Evaluation"
"""Title of the section that says what the model is worth."""
HOLDOUT = "Hold-out"
"""Title of the section that says how often the sealed hold-out was opened."""

_CARD = """\
# {name}

A {kind} forecaster of log returns over the next {horizons} bars: {law} for each horizon.

## {evaluation}

NOT EVALUATED YET: `forecasting evaluate` judges the model on bars that it has not seen, beside its
baselines, and writes the verdicts here. Until then nothing on this card says what it is worth.

{holdout}## Training

| | |
|---|---|
| trained on | {n_tickers} of {source} ({tickers}) |
| bars | {interval}, features `{features}` |
| training labels | known before {validation_start} |
| validation | from {validation_start}, labels known before {validation_end} |
| out of sample | from {test_start}: evaluate there and nowhere earlier |
{lineage}| parameters | {parameters:,} |
| validation NLL | {best_nll:.4f} nats a bar, {gain:+.4f} over {baseline} |
| chosen at step | {best_step} of at most {max_steps}, seed {seed} |
| data hash | `{vintage}` |
| code | version {version}, commit {git_commit} |

{remark} The validation score chose these weights, so it flatters them.

## Use and limits

For research: the distribution of the next returns of tickers like those above, on {interval} bars,
and what follows from it (volatility, quantiles, value at risk, the probability of a rise). It gives
no price target and no advice, and it was not made for other intervals, other kinds of assets or
decisions without a person. Not investment advice.

- {chosen}
- One seed: another would give other weights and other scores.
- Prices are adjusted for splits and dividends as their source had them when they were read; a later
  download may differ. Costs, liquidity and news are no inputs.
- Fitted once: the further from {test_start}, the older what it knows.
"""

_SURVIVORS = """\
The tickers are those named above; if they were picked because they still exist today, every
  result on them is better than it would have been for someone picking at the time."""
_MEMBERS = """\
A ticker counted on the days on which a dated membership table (sha256 `{universe}`)
  has it. That the table is right and was known on its dates is the claim of whoever trained."""


_LAWS = {"student_t": "a Student-t", "quantile": "quantiles with Student-t tails"}
_LEARNT = {
    "all": "every weight",
    "head": "the head and the norms",
    "adapters": "the head, the norms and low-rank adapters of the matrices, merged into them",
}


def model_card(
    recipe: Recipe,
    corpus: Corpus,
    dates: SplitDates,
    metrics: dict[str, float | int | str],
    openings: Sequence[Opening] = (),
) -> str:
    """Render the card of one trained model.

    Args:
        recipe: Its recipe.
        corpus: What it has seen.
        dates: The split of its own training.
        metrics: How the training went.
        openings: Of the hold-out, by models that lay in the folder before.
    """
    kinds = [mixer for mixer, _ in recipe.network.layer_plan()]
    kind = "-".join(kinds)
    gain = float(metrics["baseline_validation_nll"]) - float(metrics["validation_nll"])
    shown = ", ".join(corpus.tickers[:12]) + (", ..." if len(corpus.tickers) > 12 else "")
    return _CARD.format(
        name=recipe.name,
        kind=kind,
        evaluation=EVALUATION,
        holdout=_holdout(recipe, openings),
        law=_LAWS[recipe.network.distribution],
        horizons=", ".join(map(str, recipe.data.horizons)),
        n_tickers=f"{len(corpus.tickers)} ticker{'s' if len(corpus.tickers) > 1 else ''}",
        tickers=shown,
        source=corpus.source,
        interval=corpus.interval,
        features=corpus.features,
        validation_start=corpus.validation_start[:10],
        validation_end=day(dates.test_start)[:10],
        test_start=corpus.test_start[:10],
        lineage=_lineage(corpus, metrics),
        baseline="EWMA-t on the same rows" if corpus.parents else "the EWMA-t that it started as",
        parameters=metrics["parameters"],
        best_nll=metrics["validation_nll"],
        gain=gain,
        best_step=metrics["best_step"],
        max_steps=recipe.training.max_steps,
        seed=recipe.training.seed,
        vintage=corpus.vintage,
        version=metrics["version"],
        git_commit=metrics["git_commit"],
        chosen=_MEMBERS.format(universe=corpus.universe) if corpus.universe else _SURVIVORS,
        remark=" ".join([_remark(corpus, metrics, gain), *corpus.notes()]),
    )


def with_section(card: str, title: str, text: str) -> str:
    """The card with one section's text replaced, or the section added at the end."""
    head = f"## {title}\n"
    if head not in card:
        return f"{card.rstrip()}\n\n{head}\n{text.strip()}\n"
    before, _, rest = card.partition(head)
    _, mark, after = rest.partition("\n## ")
    return f"{before}{head}\n{text.strip()}\n{mark}{after}"


def holdout_text(holdout: str, openings: Sequence[Opening]) -> str:
    """Text of the hold-out's section.

    Args:
        holdout: Its first day.
        openings: Every command that scored it, the oldest first.
    """
    if not openings:
        return f"Sealed from {holdout}; never opened from this folder."
    times = "once" if len(openings) == 1 else f"{len(openings)} times"
    lines = [f"Sealed from {holdout}; opened {times}. Each look makes the next one worth less.\n"]
    lines += [
        f"- {each.when[:10]}, {each.command}, {each.first} to {each.last}: "
        f"{each.headline or 'it came to no result.'}"
        for each in openings
    ]
    return "\n".join(lines)


def _holdout(recipe: Recipe, openings: Sequence[Opening]) -> str:
    """The section, of a recipe that seals one."""
    holdout = recipe.data.holdout
    return f"## {HOLDOUT}\n\n{holdout_text(str(holdout), openings)}\n\n" if holdout else ""


def _remark(corpus: Corpus, metrics: dict[str, float | int | str], gain: float) -> str:
    """What training did to the starting point."""
    if not corpus.parents:
        return (
            "Training improved on the starting point."
            if gain > 0
            else "Training never improved on the starting point: this model IS the EWMA-t baseline."
        )
    name = corpus.parents[-1].name
    own = float(metrics["zero_shot_validation_nll"]) - float(metrics["validation_nll"])
    remark = (
        f"Training improved on {name} by {own:.4f} nats a bar."
        if own > 0
        else f"Training never improved on {name}: these ARE its weights."
    )
    return remark if gain > 0 else f"{remark} On validation it is no better than EWMA-t."


def _lineage(corpus: Corpus, metrics: dict[str, float | int | str]) -> str:
    """Rows of the table that say where the weights come from."""
    rows = [
        f"| started from | {parent.name} (weights `{parent.weights[:16]}`), which saw "
        f"{len(parent.tickers)} tickers of {parent.source}, {parent.first} to {parent.last}, "
        f"prices `{parent.vintage}`; what learnt on: {_LEARNT[parent.tune]} |\n"
        for parent in corpus.parents
    ]
    if corpus.parents:
        zero_shot, learnt = metrics["zero_shot_validation_nll"], metrics["learning_parameters"]
        rows.append(f"| zero-shot validation NLL | {zero_shot:.4f}, before the first step |\n")
        rows.append(f"| parameters that learnt | {learnt:,} |\n")
    return "".join(rows)
