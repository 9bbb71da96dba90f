"""What is known to be wrong with real prices is found, and little else is called wrong."""

from collections import Counter

import pytest
from bench_data import bench_file
from market.checks.planting import close_only

from forecasting.market.checks.finding import Finding
from forecasting.market.checks.inspection import inspect
from forecasting.market.sources import load_prices

Found = set[tuple[str, str]]


def findings_in(source: str) -> tuple[Finding, ...]:
    return inspect(load_prices(source))


def at(findings: tuple[Finding, ...], check: str, *severities: str) -> Found:
    return {
        (each.ticker, str(each.first)[:10])
        for each in findings
        if each.check == check and each.severity in (severities or ("error", "warning", "note"))
    }


def test_forty_stocks_daily() -> None:
    findings = findings_in(str(bench_file("us40_ohlcv_1999_2021.parquet")))
    stale = at(findings, "repeated-bar", "error")
    assert {day for _, day in stale} == {"2003-01-29"}
    assert len(stale) == 34
    odd = at(findings, "odd-distribution", "warning")
    assert {("ABT", "2013-01-02"), ("PFE", "2020-11-17"), ("AXP", "2005-10-03")} <= odd
    assert not at(findings, "unrecorded-split")  # all are in the adjusted close
    loud = {(each.check, str(each.first)) for each in findings if each.severity != "note"}
    assert len(loud) <= 20  # lines to read, of 216 080 bars


def test_forty_stocks_without_their_ranges() -> None:
    panel = close_only(load_prices(str(bench_file("us40_ohlcv_1999_2021.parquet"))))
    findings = inspect(panel)
    shared = at(findings, "shared-repeat", "warning")
    assert {day for _, day in shared} == {"2003-01-29"}
    assert len(shared) == 33  # of a ticker that went ex-dividend, the adjusted close does change


def test_six_tickers_hourly() -> None:
    path = str(bench_file("us6_hourly_1998_2021.parquet"))
    assert len(at(findings_in(path), "bar-stamps")) == 6
    findings = findings_in(f"{path}:stamps=start")
    assert not at(findings, "bar-stamps")
    splits = at(findings, "unrecorded-split", "error", "warning")
    assert splits == {
        *(("AAPL", day) for day in ("2000-06-21", "2005-02-28", "2014-06-09", "2020-08-31")),
        *(("AIG", day) for day in ("1998-08-03", "1999-08-02", "2000-07-31", "2009-07-01")),
        ("IBM", "1999-05-27"),
        ("BAC", "2004-08-30"),
        *(("VXX", day) for day in ("2010-11-09", "2012-10-05", "2013-11-08", "2016-08-09")),
        *(("VXX", day) for day in ("2017-08-23", "2019-05-02")),
    }
    assert ("AIG", "2001-06-08") in at(findings, "missing-bars")
    assert ("AAPL", "2013-08-22") in at(findings, "missing-bars")
    assert ("VXX", "2019-01-30") in at(findings, "halt")
    # Half days on which the source went on after 13:00.
    assert {("AAPL", "1998-11-27"), ("AIG", "2008-07-03")} <= at(findings, "after-close")
    assert len([each for each in findings if each.severity != "note"]) <= 45


@pytest.mark.slow
def test_hundred_and_ninety_stocks() -> None:
    findings = findings_in(str(bench_file("us190_ohlcv_1999_2021.parquet")))
    assert {("WST", "2004-09-30"), ("AJG", "2000-03-16")} == at(
        findings, "unrecorded-split", "error"
    )
    assert ("TMUS", "2013-05-01") in at(findings, "adjustment", "error")
    assert ("VIAC", "2006-04-03") in at(findings, "missing-session")
    loud = Counter(each.check for each in findings if each.severity != "note")
    assert sum(loud.values()) - loud["repeated-bar"] <= 100


@pytest.mark.parametrize(
    ("source", "loud"),
    [
        ("sample", {("unrecorded-split", "AAPL", "2000-09-29")}),
        ("sample-ohlcv", {("repeated-bar", "AAPL", "2003-01-29")}),
        ("sample-indices", set()),
        ("sample-vix", {("unrecorded-split", "^VIX", "2018-02-05")}),
    ],
)
def test_bundled_prices(source: str, loud: set[tuple[str, str, str]]) -> None:
    findings = findings_in(source)
    assert loud == {
        (each.check, each.ticker, str(each.first)[:10])
        for each in findings
        if each.severity != "note"
    }


def test_coarse_decimals_of_the_sample() -> None:
    coarse = [each for each in findings_in("sample") if each.check == "coarse-prices"]
    first = {each.ticker: str(each.first)[:4] for each in reversed(coarse)}
    assert first["AAPL"] == first["RRC"] == first["BBY"] == "1990"
    assert all(str(each.first) < "2005" for each in coarse if each.ticker in ("AAPL", "BBY"))
