import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.errors import DataError
from forecasting.market.symbols import SYMBOL, check_label, check_symbol, from_stem, to_stem

symbols = st.from_regex(SYMBOL, fullmatch=True).filter(lambda symbol: ".." not in symbol)


@pytest.mark.parametrize("symbol", ["AAPL", "BRK-B", "^GSPC", "EURUSD=X", "0700.HK", "A", "TRUE"])
def test_symbols_pass_unchanged(symbol: str) -> None:
    assert check_symbol(symbol) == symbol


@pytest.mark.parametrize(
    "symbol",
    [
        "",
        "../../etc/passwd",
        "A..B",
        "AA?x=1",
        "A/B",
        "A B",
        "A\n",
        "-A",
        ".A",
        "=A",
        "A" * 21,
        "Ä",
    ],
)
def test_other_texts_are_refused(symbol: str) -> None:
    with pytest.raises(DataError, match="is no symbol: expected") as error:
        check_symbol(symbol)
    assert "\n" not in str(error.value)


def test_lower_case_names_the_upper_case() -> None:
    with pytest.raises(DataError, match="'brk-b' has lower-case letters: expected 'BRK-B'"):
        check_symbol("brk-b")


@given(symbols)
def test_stems_are_reversible_and_plain(symbol: str) -> None:
    stem = to_stem(symbol)
    assert from_stem(stem) == symbol
    assert re.fullmatch(r"[A-Z0-9.\-%]+", stem)


@given(symbols, symbols)
def test_stems_differ_as_symbols_do(one: str, other: str) -> None:
    assert (to_stem(one).casefold() == to_stem(other).casefold()) == (one == other)


@pytest.mark.parametrize(
    ("symbol", "stem"),
    [("^GSPC", "%5EGSPC"), ("EURUSD=X", "EURUSD%3DX"), ("CON", "%43ON"), ("COM1.L", "%43OM1.L")],
)
def test_spelling(symbol: str, stem: str) -> None:
    assert to_stem(symbol) == stem


@pytest.mark.parametrize("stem", ["%41APL", "..%2F", "aapl", "%"])
def test_stems_of_no_symbol(stem: str) -> None:
    with pytest.raises(DataError):
        from_stem(stem)


@pytest.mark.parametrize("label", ["AAPL", "sp500", "brk_b", "S&P 500", "^vix", "茅台"])
def test_labels_of_files_are_freer(label: str) -> None:
    assert check_label(label, "prices.csv") == label


@pytest.mark.parametrize(
    "label", ["", "../x", "a..b", "=1+1", "-x", "a/b", "a\\b", "<b>", "x" * 41]
)
def test_labels_that_are_refused(label: str) -> None:
    with pytest.raises(DataError, match=r"prices.csv: .* cannot be a ticker"):
        check_label(label, "prices.csv")
