"""What the trial ledger says: how often bars were looked at, and by how many configurations.

The best of many configurations looks skilful by luck alone. How much luck there is to expect grows
with their number and with the spread of their Sharpe ratios (Bailey and Lopez de Prado 2014, The
deflated Sharpe ratio, eq. 1), so both are counted.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from jaxtyping import Float

FINISHED, FAILED, KILLED, RUNNING = "FINISHED", "FAILED", "KILLED", "RUNNING"
FAR_PAST, FAR_FUTURE = "0001-01-01", "9999-12-31"
LEDGER = "Trial ledger:"
"""How every sentence of the ledger begins."""


@dataclass(frozen=True)
class Trial:
    """A configuration, or the many of a sweep, that was tried on a span, with a result or without.

    Attributes:
        run_id: MLflow run of the look.
        when: When it began, UTC, to the second.
        kind: What looked: `evaluate`, `backtest`, `compare`, `holdout opening` ...
        name: What was scored, in words.
        configuration: Hash of all that decides the result, the prices aside; of a sweep, the hash
            of its configurations' hashes.
        vintage: `Panel.vintage` of the prices.
        tickers: Tickers whose bars were scored.
        first: First day that was scored, YYYY-MM-DD.
        last: Last day.
        status: `FINISHED`, `FAILED`, `KILLED`, or `RUNNING`: under way, or cut off by force.
        scores: What came out, of a sweep that of the best; empty unless it finished.
        deleted: Whether somebody deleted it in MLflow; it counts all the same.
        sweep: Hash of each configuration of a sweep to its annual Sharpe ratio, NaN where none came
            out; empty for a single configuration.
    """

    run_id: str
    when: pd.Timestamp
    kind: str
    name: str
    configuration: str
    vintage: str
    tickers: tuple[str, ...]
    first: str
    last: str
    status: str
    scores: dict[str, float] = field(default_factory=dict)
    deleted: bool = False
    sweep: dict[str, float] = field(default_factory=dict)

    @property
    def sharpes(self) -> dict[str, float]:
        """Hash of each configuration to its annual Sharpe ratio, NaN where none came out."""
        return self.sweep or {self.configuration: self.scores.get("sharpe", math.nan)}


@dataclass(frozen=True)
class Trials:
    """The looks at some bars.

    Attributes:
        entries: One a look, or one a sweep, the oldest first.
    """

    entries: tuple[Trial, ...]

    @property
    def looks(self) -> int:
        """How often the bars were looked at; a sweep looks once a configuration."""
        return sum(len(trial.sharpes) for trial in self.entries)

    @property
    def configurations(self) -> int:
        """How many different configurations looked."""
        return len(self._known())

    @property
    def failed(self) -> int:
        """Looks that ended with an error."""
        return self._looks_that(FAILED)

    @property
    def cut_off(self) -> int:
        """Looks that were interrupted, as by Ctrl-C."""
        return self._looks_that(KILLED)

    @property
    def unfinished(self) -> int:
        """Looks that are under way, or were cut off by force."""
        return self._looks_that(RUNNING)

    def best(self, score: str = "sharpe") -> float:
        """The largest value of a score; NaN if no look has it."""
        return max((t.scores[score] for t in self.entries if score in t.scores), default=math.nan)

    def sharpes(self) -> Float[np.ndarray, " configuration"]:
        """Annual Sharpe ratio of each configuration's latest look that has one."""
        latest: dict[str, float] = {}
        for trial in self.entries:
            latest |= {name: value for name, value in trial.sharpes.items() if value == value}
        return np.array(list(latest.values()), dtype=float)

    def table(self) -> pd.DataFrame:
        """One row a look, or a sweep, the oldest first.

        Columns: when, kind, name, first, last, tickers (how many), looks (how many), status,
        configuration, vintage, run_id, then sharpe and every other score that any look has, NaN
        where one has none.
        """
        scores = dict.fromkeys(["sharpe", *(name for t in self.entries for name in t.scores)])
        plain = ("when", "kind", "name", "first", "last", "status", "configuration", "vintage")
        rows = [
            {name: getattr(trial, name) for name in (*plain, "run_id")}
            | {"tickers": len(trial.tickers), "looks": len(trial.sharpes)}
            | {name: trial.scores.get(name, math.nan) for name in scores}
            for trial in self.entries
        ]
        columns = [*plain[:5], "tickers", "looks", *plain[5:], "run_id", *scores]
        return pd.DataFrame(rows, columns=columns)

    def sentence(self) -> str:
        """How many configurations were tried on bars of this span."""
        return f"{self._counts()}."

    def sentence_with(self, *configurations: str) -> str:
        """The same, as others before the looks of configurations, and which ones these are."""
        if len(configurations) > 1:
            return f"{self._counts()}; {self._adds(configurations)}."
        own = sum(configurations[0] in trial.sharpes for trial in self.entries)
        which = f"this is the {_ordinal(self.configurations + 1)}"
        if own:
            which = f"this one was among them, it is its {_ordinal(own + 1)} look"
        return f"{self._counts()}; {which}."

    def _known(self) -> set[str]:
        """All configurations that looked."""
        return {name for trial in self.entries for name in trial.sharpes}

    def _looks_that(self, status: str) -> int:
        return sum(len(trial.sharpes) for trial in self.entries if trial.status == status)

    def _adds(self, configurations: Sequence[str]) -> str:
        """How many more a sweep makes it."""
        known = self._known()
        new = len(set(configurations) - known)
        return f"this sweep of {len(configurations):,} makes it {len(known) + new:,}"

    def _counts(self) -> str:
        n = self.configurations
        if not n:
            return f"{LEDGER} no configuration has been tried on bars of this span before"
        details = [f"{self.looks:,} look{'s' if self.looks > 1 else ''}"]
        details += [f"{self.failed:,} failed"] if self.failed else []
        details += [f"{self.cut_off:,} cut off"] if self.cut_off else []
        details += [f"{self.unfinished:,} unfinished"] if self.unfinished else []
        have = "configuration has" if n == 1 else "configurations have"
        return f"{LEDGER} {n:,} {have} been tried on bars of this span ({', '.join(details)})"


def _ordinal(number: int) -> str:
    teens = number % 100 in (11, 12, 13)
    return f"{number:,}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"
