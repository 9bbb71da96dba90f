"""A comparison is a look at its test span by every recipe and seed: each is counted."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from forecasting.forecaster.model_folder import weights_hash
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.market.panel import Panel, day
from forecasting.training.trial_ledger import TrialRun, open_trial
from forecasting.workflow.comparison import Comparison


class ComparisonLooks:
    """The looks of one comparison.

    Attributes:
        trials: One a (recipe, seed).
    """

    def __init__(self, trials: dict[tuple[str, int], TrialRun]) -> None:
        self.trials = trials

    def concluded(self, made: Comparison, prices: Panel, sealed: Panel) -> Comparison:
        """Log what each model scored; the comparison with what has to be said of the looks.

        Args:
            made: Of all the models.
            prices: As they were given.
            sealed: Those before the hold-out.
        """
        for (recipe, seed), trial in self.trials.items():
            by_seed = made.by_seed.set_index(["recipe", "seed"])
            own = by_seed.loc[[(recipe, seed)]].to_dict("records")
            scores = {f"nll_h{row['horizon']}": float(row["nll"]) for row in own}
            gains = {f"gain_h{row['horizon']}": float(row["gain"]) for row in own}
            trial.log_scores(scores | gains)
        return replace(made, notes=(*made.notes, *_sealing(prices, sealed), self._sentence()))

    def _sentence(self) -> str:
        first = next(iter(self.trials.values()))
        if first.others is None:  # the store did not answer
            return first.sentence()
        count = len(self.trials)
        adds = f"this comparison looks {count} time{'s' if count > 1 else ''} more."
        return f"{first.others.sentence().removesuffix('.')}; {adds}"


@contextmanager
def count_comparison(
    models: Mapping[str, Sequence[NetworkForecaster]],
    seeds: Sequence[int],
    prices: Panel,
    parent: str,
) -> Iterator[ComparisonLooks]:
    """Count every model before any is scored.

    Args:
        models: Recipe to its models, one a seed.
        seeds: Theirs.
        prices: Those that are scored, from the models' first unseen bar on.
        parent: MLflow run of the comparison.
    """
    with ExitStack() as stack:
        trials = {}
        for recipe, trained in models.items():
            for seed, model in zip(seeds, trained, strict=True):
                look = open_trial(
                    "compare",
                    f"compare {recipe}, seed {seed}",
                    {
                        "recipe": model.files.recipe.model_dump(mode="json"),
                        "weights": weights_hash(model.network.state_dict()),
                    },
                    prices,
                    model.corpus.test_start[:10],
                    parent=parent,
                )
                trials[recipe, seed] = stack.enter_context(look)
        yield ComparisonLooks(trials)


def _sealing(prices: Panel, sealed: Panel) -> list[str]:
    if sealed is prices or len(sealed.times) == len(prices.times):
        return []
    bars = len(prices.times) - len(sealed.times)
    first, last = prices.times[len(sealed.times)], prices.times[-1]
    return [
        f"Sealed hold-out: {bars} bar{'s' if bars > 1 else ''} from {day(first)} to {day(last)}, "
        "not looked at here."
    ]
