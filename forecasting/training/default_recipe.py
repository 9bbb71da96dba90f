"""What a training takes where no recipe is named: from nothing, or from a trained model."""

from forecasting.config import Recipe

DEFAULT_RECIPE = "jamba-small"

_SLOWER = 3
_MOST_STEPS = 100


def gentler(recipe: Recipe) -> tuple[str, ...]:
    """Settings under which a trained model learns on without losing what it knows.

    A third of the recipe's learning rate (its teachers', where it has some), at most 100 steps, a
    fifth of them to warm up, and no teachers: the weights begin near where they are to end, and the
    new prices are often few.

    Args:
        recipe: That of the trained model.

    Returns:
        Overrides, `section.key=value`.
    """
    training = recipe.training
    steps = min(training.max_steps, _MOST_STEPS)
    return (
        f"training.learning_rate={training.learning_rate / _SLOWER:.3g}",
        f"training.max_steps={steps}",
        f"training.warmup_steps={min(training.warmup_steps, steps // 5)}",
        "training.distillation=null",
    )


def gentler_note(recipe: Recipe) -> str:
    """What a training from a model took, in a sentence.

    Args:
        recipe: The one that results.
    """
    training = recipe.training
    return (
        f"Learnt on gently: learning rate {training.learning_rate:g}, at most "
        f"{training.max_steps} steps; --set training.learning_rate=..., training.max_steps=... "
        "say otherwise."
    )
