import json
import math

import numpy as np
import pandas as pd
import pytest

from forecasting.cli.printing import _order_row, layout, plain, print_json, print_notes, print_text

HEADS = ("account", "return", "verdict")
ROWS = [("long_short", "-4.4%", "LOSES"), ("cash", "+10.0%", "NO EVIDENCE")]


def test_numbers_stand_right_and_words_left() -> None:
    assert layout(HEADS, ROWS, 80) == [
        "account     return  verdict",
        "long_short   -4.4%  LOSES",
        "cash        +10.0%  NO EVIDENCE",
    ]


def test_table_that_is_too_wide_moves_together_and_loses_nothing() -> None:
    lines = layout(HEADS, ROWS, 30)
    assert lines[2] == "cash       +10.0% NO EVIDENCE"
    assert layout(HEADS, ROWS, 5) == lines


def test_table_without_rows_is_its_head() -> None:
    assert layout(HEADS, [], 80) == ["account  return  verdict"]


@pytest.mark.parametrize(
    ("count", "text"),
    [(575.61245, "575.612"), (2.5, "2.5"), (-1_264_863.0, "-1,264,863"), (999_999.6, "1,000,000")],
)
def test_shares_are_never_rounded_to_thousands(count: float, text: str) -> None:
    row = dict.fromkeys(("price", "weight", "notional", "cost"), 1.0) | {"ticker": "AAA"}
    assert _order_row(row | {"held": count, "target": count, "order": 0.0})[4] == text


def test_notes_are_wrapped_and_said_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    print_notes(["one two three four five", "six", "six"])
    assert capsys.readouterr().out == "- one two three four\n  five\n- six\n"
    print_text("one two three four five")
    assert capsys.readouterr().out == "one two three four\nfive\n"


def test_text_is_no_wider_than_a_person_reads(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    print_text("word " * 100)
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 100


def test_plain_speaks_json() -> None:
    given = {
        "nan": math.nan,
        "infinite": np.inf,
        "float": np.float32(0.5),
        "whole": np.int64(3),
        "yes": np.bool_(True),
        "array": np.array([1.0, np.nan]),
        "pair": (1, None),
        "time": np.datetime64("2020-01-31T10:00"),
        "table": pd.DataFrame({"at": [pd.Timestamp("2020-01-31")], "x": [np.nan]}),
        7: {"deep": [np.float64(1)]},
    }
    assert plain(given) == {
        "nan": None,
        "infinite": None,
        "float": 0.5,
        "whole": 3,
        "yes": True,
        "array": [1.0, None],
        "pair": [1, None],
        "time": "2020-01-31T10:00:00",
        "table": [{"at": "2020-01-31T00:00:00", "x": None}],
        "7": {"deep": [1.0]},
    }


def test_json_is_whole_or_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"x": np.float64(2)})
    assert json.loads(capsys.readouterr().out) == {"x": 2.0}
    with pytest.raises(TypeError):
        print_json({"fine": 1, "strange": object()})
    assert capsys.readouterr().out == ""
