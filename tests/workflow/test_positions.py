"""Files of positions: read in any order, refused in one line."""

from pathlib import Path

import pytest

from forecasting.errors import DataError
from forecasting.workflow.positions import read_positions


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("held.csv", "ticker,shares\nMSFT,-3\nAAPL,10.5\n\n"),
        ("held.csv", "Ticker, Shares\nMSFT, -3\n AAPL ,10.5"),
        ("held.json", '{"MSFT": -3, "AAPL": 10.5}'),
    ],
)
def test_shares_by_ticker_in_any_order(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert read_positions(tmp_path / name) == {"AAPL": 10.5, "MSFT": -3.0}


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("held.csv", "ticker,shares\nMSFT,3\nAAPL,1\nMSFT,4", "line 4: MSFT comes twice"),
        ("held.csv", "ticker,shares\nMSFT,many", "line 2: 'MSFT' with 'many' shares"),
        ("held.csv", "ticker,shares\nMSFT,nan", "expected a ticker and a finite number"),
        ("held.csv", "ticker,shares\nMSFT,", "with '' shares"),
        ("held.csv", "ticker,shares\n,3", "'' with '3' shares"),
        ("held.csv", "ticker,shares\nMSFT,3,4", "line 2: 3 values"),
        ("held.csv", "MSFT,3", "expected the heading ticker,shares"),
        ("held.csv", "", "expected the heading ticker,shares"),
        ("held.json", '{"MSFT": 3, "MSFT": 4}', "entry 2: MSFT comes twice"),
        ("held.json", '{"MSFT": true}', "finite number"),
        ("held.json", '{"MSFT": {"shares": 1}}', "finite number"),
        ("held.json", '["MSFT", 3]', "holds no JSON object"),
        ("held.json", '{"MSFT": ', "is no JSON"),
    ],
)
def test_files_that_cannot_be(tmp_path: Path, name: str, text: str, words: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError) as raised:
        read_positions(tmp_path / name)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing\.csv cannot be read"):
        read_positions(tmp_path / "nothing.csv")
