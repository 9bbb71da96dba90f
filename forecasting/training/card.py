"""The model card: what a stranger has to know before trusting a model folder."""

from forecasting.config import Recipe
from forecasting.forecaster.corpus import Corpus
from forecasting.market.panel import day
from forecasting.market.splits import SplitDates

_CARD = """\
# {name}

A {kind} forecaster of log returns over the next {horizons} bars: {law} for each horizon.
Not investment advice.

| | |
|---|---|
| trained on | {n_tickers} tickers of {source} ({tickers}) |
| bars | {interval}, features `{features}` |
| training labels | known before {validation_start} |
| validation | from {validation_start}, labels known before {validation_end} |
| out of sample | from {test_start}: evaluate there and nowhere earlier |
{lineage}| parameters | {parameters:,} |
| validation NLL | {best_nll:.4f} nats a bar, {gain:+.4f} over {baseline} |
| chosen at step | {best_step} of at most {max_steps}, seed {seed}, one seed only |
| data hash | `{vintage}` |
| code | version {version}, commit {git_commit} |

{remark}

The validation score chose these weights, so it flatters them. What the model is worth stands in the
verdict table of `forecasting evaluate`, on bars that it has not seen, beside its baselines.
{chosen}
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
    recipe: Recipe, corpus: Corpus, dates: SplitDates, metrics: dict[str, float | int | str]
) -> str:
    """Render the card of one trained model.

    Args:
        recipe: Its recipe.
        corpus: What it has seen.
        dates: The split of its own training.
        metrics: How the training went.
    """
    kinds = [mixer for mixer, _ in recipe.network.layer_plan()]
    kind = "-".join(kinds)
    gain = float(metrics["baseline_validation_nll"]) - float(metrics["validation_nll"])
    shown = ", ".join(corpus.tickers[:12]) + (", ..." if len(corpus.tickers) > 12 else "")
    return _CARD.format(
        name=recipe.name,
        kind=kind,
        law=_LAWS[recipe.network.distribution],
        horizons=", ".join(map(str, recipe.data.horizons)),
        n_tickers=len(corpus.tickers),
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
