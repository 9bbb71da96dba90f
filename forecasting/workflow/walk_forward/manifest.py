"""What a walk-forward's folder holds, in one file: enough to read its forecasts back, proven."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from forecasting import paths
from forecasting.config import Recipe
from forecasting.errors import DataError, ModelFileError
from forecasting.market.atomic_file import write_atomically
from forecasting.market.folds.walk_forward import WalkForwardSettings, walk_forward_folds
from forecasting.market.panel import Panel
from forecasting.training.tracking import provenance
from forecasting.workflow.walk_forward.plan import plan_tasks
from forecasting.workflow.walk_forward.task import FoldTask

MANIFEST = "walk_forward.json"


class Manifest(BaseModel):
    """What was asked for, on which prices, and by which code.

    Attributes:
        recipes: What was refitted, with the dates and overrides that counted.
        settings: How the folds were cut.
        seeds: Trainings a recipe and fold, with the seeds 0, 1, ...
        holdout: First day of the sealed hold-out.
        source: The prices' source, in words.
        vintage: Hash of the prices, the hold-out left out.
        tickers: Theirs.
        last: Their last bar.
        code: Version and commit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipes: tuple[Recipe, ...]
    settings: WalkForwardSettings
    seeds: int
    holdout: float | str | None
    source: str
    vintage: str
    tickers: tuple[str, ...]
    last: str
    code: dict[str, str]

    @classmethod
    def of(
        cls,
        recipes: list[Recipe],
        settings: WalkForwardSettings,
        seeds: int,
        holdout: float | str | None,
        prices: Panel,
    ) -> "Manifest":
        """The manifest of a walk-forward that begins now.

        Args:
            recipes: What is refitted.
            settings: How the folds are cut.
            seeds: Trainings a recipe and fold.
            holdout: First day of the sealed hold-out.
            prices: The panel without it.
        """
        return cls(
            recipes=tuple(recipes),
            settings=settings,
            seeds=seeds,
            holdout=holdout,
            source=prices.source,
            vintage=prices.vintage,
            tickers=prices.tickers,
            last=str(prices.times[-1]),
            code=provenance(),
        )

    def write(self, folder: Path) -> None:
        """Write it into the walk-forward's folder.

        Raises:
            OSError: It cannot be written.
        """
        write_atomically(folder / MANIFEST, self.model_dump_json(indent=1).encode())

    def seen(self, prices: Panel) -> Panel:
        """The bars that the folds were cut from, proven to be the same.

        Args:
            prices: The same prices; other tickers and later bars do not count.

        Raises:
            DataError: They are not.
        """
        missing = [ticker for ticker in self.tickers if ticker not in prices.tickers]
        part = prices
        if not missing:
            part = prices if prices.tickers == self.tickers else prices.select(self.tickers)
            part = part.between(None, self.last)
        if missing or part.vintage != self.vintage:
            what = f"has no {', '.join(missing[:5])}" if missing else "differs in some bar"
            raise DataError(
                f"{prices.source} {what}: expected the prices that the walk-forward was made on "
                f"({self.source}, {len(self.tickers)} tickers to {self.last[:10]}), for "
                "out of fold is a claim about those. Pass the same prices, or walk forward again."
            )
        return part

    def tasks(self, prices: Panel) -> tuple[FoldTask, ...]:
        """What was fitted, fold after fold.

        Args:
            prices: As `seen` gives them.
        """
        folds = walk_forward_folds(prices, self.settings, self.recipes[0].data.horizons)
        seeds = tuple(range(self.seeds))
        return plan_tasks(self.recipes, folds, prices, seeds=seeds, holdout=self.holdout)


def find_walk_forward(name_or_folder: str | Path) -> Path | None:
    """The folder of a walk-forward given by path, or by name under `runs/`; None if it is none."""
    for folder in (Path(name_or_folder), paths.runs() / name_or_folder):
        if (folder / MANIFEST).is_file():
            return folder
    return None


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a walk-forward's folder.

    Raises:
        ModelFileError: There is none, or it is damaged.
    """
    file = folder / MANIFEST
    try:
        return Manifest.model_validate_json(file.read_bytes())
    except OSError as error:
        raise ModelFileError(
            f"{folder} has no {MANIFEST}: expected the folder of a walk-forward. Name one, or "
            "write it anew with `forecasting walk-forward --resume` and the settings it had."
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        raise ModelFileError(
            f"{file} is damaged ({'.'.join(map(str, first['loc']))}: {first['msg']}): expected the "
            "file that the walk-forward wrote. Write it anew with --resume, or restore it."
        ) from error
