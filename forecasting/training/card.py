"""The model card: what a stranger has to know before trusting a model folder."""

from forecasting.config import Recipe
from forecasting.forecaster.corpus import Corpus

_CARD = """\
# {name}

A {kind} forecaster of log returns over the next {horizons} bars: a Student-t for each horizon.
Not investment advice.

| | |
|---|---|
| trained on | {n_tickers} tickers of {source} ({tickers}) |
| bars | {interval}, features `{features}` |
| training labels | known before {validation_start} |
| validation | from {validation_start}, labels known before {test_start} |
| out of sample | from {test_start}: evaluate there and nowhere earlier |
| parameters | {parameters:,} |
| validation NLL | {best_nll:.4f} nats a bar, {gain:+.4f} over the EWMA-t that it started as |
| chosen at step | {best_step} of at most {max_steps}, seed {seed}, one seed only |
| data hash | `{vintage}` |
| code | version {version}, commit {git_commit} |

{remark}

The validation score chose these weights, so it flatters them. What the model is worth stands in the
verdict table of `forecasting evaluate`, on bars that it has not seen, beside its baselines.
The tickers are those named above; if they were picked because they still exist today, every
result on them is better than it would have been for someone picking at the time.
"""


def model_card(recipe: Recipe, corpus: Corpus, metrics: dict[str, float | int | str]) -> str:
    """Render the card of one trained model."""
    kinds = [mixer for mixer, _ in recipe.network.layer_plan()]
    kind = "-".join(kinds)
    gain = float(metrics["baseline_validation_nll"]) - float(metrics["validation_nll"])
    remark = (
        "Training improved on the starting point."
        if gain > 0
        else "Training never improved on the starting point: this model IS the EWMA-t baseline."
    )
    shown = ", ".join(corpus.tickers[:12]) + (", ..." if len(corpus.tickers) > 12 else "")
    return _CARD.format(
        name=recipe.name,
        kind=kind,
        horizons=", ".join(map(str, recipe.data.horizons)),
        n_tickers=len(corpus.tickers),
        tickers=shown,
        source=corpus.source,
        interval=corpus.interval,
        features=corpus.features,
        validation_start=corpus.validation_start[:10],
        test_start=corpus.test_start[:10],
        parameters=metrics["parameters"],
        best_nll=metrics["validation_nll"],
        gain=gain,
        best_step=metrics["best_step"],
        max_steps=recipe.training.max_steps,
        seed=recipe.training.seed,
        vintage=corpus.vintage,
        version=metrics["version"],
        git_commit=metrics["git_commit"],
        remark=remark,
    )
