"""What became of the tickers of a fetch."""

from dataclasses import dataclass, field

from forecasting.market.store.difference import Difference
from forecasting.market.store.manifest import Manifest


@dataclass(frozen=True, eq=False)
class Fetched:
    """A ticker that arrived.

    Attributes:
        manifest: Of its bars in the store, old and new.
        new_bars: Bars that the store did not have.
        difference: What the source changed of the bars that the store had; None for nothing.
        null_bars: Bars left out because the source has no close for them.
        repeated: Bars that came twice, of which the first was kept.
        unfinished: Bars left out at the end because they are not over and settled.
        note: What of the wanted days the source does not have; empty where it has them all.
    """

    manifest: Manifest
    new_bars: int
    difference: Difference | None
    null_bars: int
    repeated: int
    unfinished: int
    note: str


@dataclass(frozen=True, eq=False)
class FetchReport:
    """What became of each ticker.

    Attributes:
        stored: Tickers that arrived, in the order asked for.
        failed: Ticker to the reason, one sentence or two; the store keeps what it had of them.
        not_tried: Tickers that were not asked for any more.
        stopped: Why not; empty where all were tried.
    """

    stored: dict[str, Fetched] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    not_tried: tuple[str, ...] = ()
    stopped: str = ""

    @property
    def total(self) -> int:
        """Tickers in all."""
        return len(self.stored) + len(self.failed) + len(self.not_tried)


class FetchInterrupted(KeyboardInterrupt):
    """Ctrl-C during a fetch; `resume` goes on with it.

    Attributes:
        arrived: Tickers of the fetch that are stored.
        left: Tickers that are not.
    """

    def __init__(self, arrived: int, left: int) -> None:
        super().__init__()
        self.arrived = arrived
        self.left = left
