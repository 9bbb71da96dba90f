from datetime import date
from pathlib import Path

import pytest

from forecasting.errors import DataError
from forecasting.market.universe import Spell
from forecasting.market.universe_file import read_universe


def write(folder: Path, text: str) -> Path:
    path = folder / "members.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_spells_are_read_in_any_order_of_rows_and_columns(tmp_path: Path) -> None:
    text = "\ufeffto,symbol,from\n2010-03-05,B,2001-01-02\n\n, A ,2004-02-29\n,B,2012-01-01\n"
    table = read_universe(write(tmp_path, text))
    assert table.spells == (
        Spell("B", date(2001, 1, 2), date(2010, 3, 5)),
        Spell("A", date(2004, 2, 29), None),
        Spell("B", date(2012, 1, 1), None),
    )
    assert table.symbols == ("B", "A")


def test_the_hash_is_the_file_s(tmp_path: Path) -> None:
    one = read_universe(write(tmp_path, "symbol,from,to\nA,2001-01-02,\n"))
    other = read_universe(write(tmp_path, "symbol,from,to\nA,2001-01-03,\n"))
    assert one.sha256 != other.sha256
    assert len(one.sha256) == 64


def test_a_final_return(tmp_path: Path) -> None:
    text = "symbol,from,to,final_return\nA,2001-01-02,2001-02-02,-0.3\nB,2001-01-02,,\n"
    table = read_universe(write(tmp_path, text))
    assert [each.final_return for each in table.spells] == [-0.3, None]


HEAD = "symbol,from,to\n"
PAID = "symbol,from,to,final_return\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no column symbol, from, to"),
        (HEAD, "has no member: expected a row below symbol,from,to"),
        ("symbol,from\nA,2001-01-02\n", "has no column to"),
        ("Symbol,from,to\nA,2001-01-02,\n", "did you mean 'symbol'"),
        ("ticker,from,to\nA,2001-01-02,\n", "column 'ticker': did you mean 'symbol'"),
        ("symbol,start,end\nA,2001-01-02,\n", "column 'start': did you mean 'from'"),
        ("symbol,from,to,weight\nA,2001-01-02,,1\n", "column 'weight': expected symbol, from, to"),
        ("symbol,from,to,to\nA,2001-01-02,,\n", "has a column twice"),
        (HEAD + "A,2001-01-02\n", "line 2 has 2 cells"),
        (HEAD + "A,2001-02-30,\n", "line 2: from is '2001-02-30': expected a day"),
        (HEAD + "A,02.01.2001,\n", "line 2: from is '02.01.2001': expected a day"),
        (HEAD + "A,2001-01-02,today\n", "line 2: to is 'today'"),
        (HEAD + "A,,2001-01-02\n", "line 2: from is ''"),
        (HEAD + "A,2001-01-02,2001-01-01\n", "to 2001-01-01 lies before from 2001-01-02"),
        (HEAD + "=A(),2001-01-02,\n", "line 2: '=A.*' cannot be a ticker"),
        (
            HEAD + "A,2001-01-02,2002-01-01\nB,2001-01-02,\nA,2002-01-01,\n",
            "spells of A in lines 2 and 4 overlap",
        ),
        (HEAD + "A,2005-01-02,\nA,2001-01-02,\n", "spells of A in lines 3 and 2 overlap"),
        (PAID + "A,2001-01-02,,-0.3\n", "final_return without a last day"),
        (PAID + "A,2001-01-02,2001-02-02,-1\n", "final_return is '-1': expected a decimal"),
        (PAID + "A,2001-01-02,2001-02-02,nan\n", "final_return is 'nan'"),
        (
            PAID + "A,2001-01-02,2001-02-02,-0.3\nA,2002-01-01,,\n",
            "line 2: A has a final_return and comes back in line 3",
        ),
    ],
)
def test_a_table_that_is_none_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read_universe(write(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.csv cannot be read"):
        read_universe(tmp_path / "none.csv")
    (tmp_path / "members.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="no CSV text in UTF-8"):
        read_universe(tmp_path / "members.csv")
