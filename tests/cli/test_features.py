import json

from cli.command import Command

from forecasting.market.features import feature_names
from forecasting.market.features.catalogue import CATALOGUE


def test_the_catalogue_is_listed_with_formulae_and_sources(forecasting: Command) -> None:
    done = forecasting("features")
    assert (done.code, done.err) == (0, "")
    heads, *lines = done.out.splitlines()
    assert heads.split() == ["feature", "in", "bars", "unit", "needs", "formula"]
    assert [line.split()[0] for line in lines[: len(CATALOGUE)]] == list(CATALOGUE)
    line = next(line for line in lines if line.startswith("log_range_66 "))
    assert " ".join(line.split()) == (
        "log_range_66 ohlc 67 log ratio open, high, low, close "
        "log(mean_66(Parkinson + o^2) / s^2 + 0.01)"
    )
    assert "illiquidity_22: Amihud 2002" in done.out
    printed = json.loads(forecasting("features", "--json").out)["features"]
    assert [row["name"] for row in printed] == list(CATALOGUE)
    assert printed[0]["variants"] == ["close", "ohlc", "ohlcv"]


def test_a_set_is_listed_as_a_recipe_would_read_it(forecasting: Command) -> None:
    printed = json.loads(forecasting("features", "close", "beta_66", "--json").out)["features"]
    assert [row["name"] for row in printed] == list(feature_names("close+beta_66"))


def test_an_unknown_feature_is_one_line(forecasting: Command) -> None:
    assert "did you mean 'beta_66'" in forecasting("features", "beta_6").error
