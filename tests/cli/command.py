"""What a command line left behind."""

from collections.abc import Callable
from dataclasses import dataclass

USAGE = 2


@dataclass(frozen=True)
class Outcome:
    """Exit code and what was printed."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line of an error; nothing else may have been printed."""
        assert self.code == 1, (self.out, self.err)
        assert self.out == ""
        assert self.err.startswith("error: ")
        assert self.err.count("\n") == 1
        return self.err


Command = Callable[..., Outcome]
