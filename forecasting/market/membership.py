"""Members of a universe: where a panel has them from, and values that count only them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float


@dataclass(frozen=True)
class Membership:
    """The membership table that a panel was marked with, see `forecasting.market.universe`.

    Attributes:
        sha256: Hash of the file, or of the same table as a file.
        n_symbols: Symbols in it.
        absent: Those of them that the source of the prices does not have. Whoever is missing may
            be missing because it failed.
    """

    sha256: str
    n_symbols: int
    absent: tuple[str, ...] = ()


def of_members(
    values: Float[np.ndarray, "time ticker *rest"],
    member: Bool[np.ndarray, "time ticker"] | None,
) -> Float[np.ndarray, "time ticker *rest"]:
    """The values of the bars of members, NaN elsewhere; the same array without a table.

    Args:
        values: One or more a bar.
        member: `Panel.member`.
    """
    if member is None:
        return values
    return np.where(member.reshape(*member.shape, *[1] * (values.ndim - 2)), values, np.nan)
