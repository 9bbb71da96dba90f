"""The next session, and warnings of bars that are old or not finished."""

import numpy as np
import pytest

from forecasting.errors import DataError
from forecasting.workflow.next_session import next_session, warnings_of_age

FRIDAY = np.datetime64("2024-06-28", "ns")


def test_weekends_and_holidays_are_skipped() -> None:
    assert next_session("XNYS", FRIDAY) == np.datetime64("2024-07-01")
    assert next_session("XNYS", np.datetime64("2024-07-03", "ns")) == np.datetime64("2024-07-05")
    with pytest.raises(DataError, match="no exchange calendar"):
        next_session("NOWHERE", FRIDAY)


@pytest.mark.parametrize(
    ("now", "words"),
    [
        ("2024-06-27T12:00", None),
        ("2024-06-28T12:00", "the session of 2024-06-28 has not closed"),
        ("2024-06-28T16:00", None),
        ("2024-06-30T12:00", None),
        ("2024-07-01T15:59", None),
        ("2024-07-01T16:00", "1 session has ended since, the last on 2024-07-01"),
        ("2024-07-05T20:00", "4 sessions have ended since, the last on 2024-07-05"),
    ],
)
def test_age_of_the_newest_bar(now: str, words: str | None) -> None:
    said = warnings_of_age("XNYS", FRIDAY, np.datetime64(now, "ns"))
    assert len(said) == (words is not None)
    assert words is None or words in said[0]
