"""Bar by bar, a stream says what the model says of the whole history."""

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import make_frames
from future import KINDS, change_future
from safetensors import safe_open
from safetensors.torch import save_file

from forecasting.errors import DataError, ModelFileError
from forecasting.forecast.forecast import Forecast
from forecasting.forecaster.network_forecaster import (
    NetworkForecaster,
    build_network,
    load_forecaster,
)
from forecasting.forecaster.stream import StreamingForecaster
from forecasting.market.features import look_back
from forecasting.market.panel import COLUMNS, Panel

START = 300


@pytest.fixture(scope="module")
def model(model_folder) -> NetworkForecaster:
    """The tiny model with a head that says something of everything that it sees."""
    return talkative(load_forecaster(model_folder))


@pytest.fixture(scope="module")
def forecast(model, prices) -> Forecast:
    return model.forecast(prices)


def talkative(model: NetworkForecaster) -> NetworkForecaster:
    torch.manual_seed(0)
    with torch.no_grad():
        model.network.head.proj.weight.normal_(std=0.3)
        model.network.head.proj.bias.normal_(std=0.3)
    return model


def cut(panel: Panel, first: int, last: int | None = None) -> Panel:
    """Some bars of a panel, also those on which nobody trades."""
    rows = slice(first, last)
    return replace(panel, times=panel.times[rows], values=panel.values[rows])


def rows_of(forecast: Forecast, first: int, last: int | None = None) -> Forecast:
    arrays = ("times", "price", "law")
    return replace(forecast, **{name: getattr(forecast, name)[first:last] for name in arrays})


def started(model: NetworkForecaster, history: Panel) -> StreamingForecaster:
    stream = StreamingForecaster(model)
    stream.start(history)
    return stream


def assert_equal(found: Forecast, expected: Forecast) -> None:
    """To the noise of float32 sums of another length."""
    assert (found.name, found.tickers, found.horizons) == (
        expected.name,
        expected.tickers,
        expected.horizons,
    )
    np.testing.assert_array_equal(found.times, expected.times)
    np.testing.assert_array_equal(found.price, expected.price)
    np.testing.assert_array_equal(found.mask, expected.mask)
    for name in ("loc", "scale", "df"):
        a, b = getattr(found.law, name), getattr(expected.law, name)
        unit = expected.law.scale if name == "loc" else b
        np.testing.assert_allclose(a / unit, b / unit, rtol=0, atol=1e-5, err_msg=name)


def assert_streamed(model: NetworkForecaster, panel: Panel, start: int) -> None:
    """One bar at a time after a start on the bars before."""
    expected = model.forecast(panel)
    stream = started(model, cut(panel, 0, start))
    for t in range(start, len(panel.times)):
        assert_equal(stream.advance(cut(panel, t, t + 1)), rows_of(expected, t, t + 1))


def test_the_start_is_the_forecast_of_the_history(model, forecast, prices):
    found = StreamingForecaster(model).start(prices)
    assert_equal(found, forecast)
    assert found.notes == forecast.notes == ()


def test_bar_by_bar_it_is_the_whole_forecast(model, prices):
    """CCC misses ten bars on the way."""
    assert_streamed(model, prices, START)


@pytest.mark.parametrize("pieces", [(1, 7, 30, 1), (50,)])
def test_any_number_of_bars_come_at_once(model, forecast, prices, pieces):
    stream = started(model, cut(prices, 0, START))
    at = START
    for piece in pieces:
        found = stream.advance(cut(prices, at, at + piece))
        assert_equal(found, rows_of(forecast, at, at + piece))
        at += piece


def test_missing_bars_and_blank_volumes_are_passed_over(model, prices):
    rng = np.random.default_rng(0)
    values = prices.values.copy()
    values[START:][rng.random((300, 4)) < 0.3] = np.nan
    values[START + 50, :, COLUMNS.index("volume")] = np.nan
    values[START + 80] = np.nan
    assert_streamed(model, cut(replace(prices, values=values), 0, START + 100), START)


def test_without_a_start_a_ticker_is_masked_until_it_has_its_look_back(model, prices):
    """DDD joins late; the order of the tickers is no matter."""
    values = prices.values.copy()
    values[:20, 3] = np.nan
    values[20:150, 3] = values[170:300, 3]
    panel = cut(replace(prices, values=values), 0, 120)
    expected = model.forecast(panel)
    three = ["CCC", "AAA", "BBB"]
    stream = StreamingForecaster(model)
    found = stream.advance(cut(panel, 0, 20).select(three))
    assert_equal(found, rows_of(expected.select(three), 0, 20))
    found = stream.advance(cut(panel, 20))
    assert_equal(found, rows_of(expected, 20))
    needed = look_back("ohlcv")
    assert found.mask.argmax(axis=0).tolist() == [needed - 21] * 3 + [needed - 1]


@pytest.mark.parametrize("mixer", ["mamba", "mamba2", "megalodon", "gru", "attention"])
def test_every_mixer_streams(model, prices, mixer):
    torch.manual_seed(1)
    recipe = model.files.recipe
    network = recipe.network.model_copy(update={"mixer": mixer, "elapsed_time": "scale"})
    files = replace(model.files, recipe=recipe.model_copy(update={"network": network}))
    other = NetworkForecaster(files, build_network(files.recipe, model.corpus.feature_names))
    other.network.load_state_dict(
        {
            k: v
            for k, v in model.network.state_dict().items()
            if k.startswith(("feature_", "usual"))
        },
        strict=False,
    )
    assert_streamed(talkative(other), cut(prices, 0, START + 40), START)


def test_saved_and_loaded_in_the_middle_it_goes_on_with_the_same_bits(model, prices, tmp_path):
    stream = started(model, cut(prices, 0, START))
    stream.advance(cut(prices, START, 305))
    stream.save(tmp_path / "stream.safetensors")
    again = StreamingForecaster.load(model, str(tmp_path / "stream.safetensors"))
    for t in range(305, 330):
        found, expected = (s.advance(cut(prices, t, t + 1)) for s in (again, stream))
        for name in ("loc", "scale", "df"):
            np.testing.assert_array_equal(getattr(found.law, name), getattr(expected.law, name))
    digests = []
    for other in (again, stream):
        other.save(tmp_path / "stream.safetensors")
        with safe_open(tmp_path / "stream.safetensors", framework="pt") as file:
            digests.append(file.metadata()["sha256"])
    assert digests[0] == digests[1]


def test_a_stream_that_has_seen_nothing_is_saved_as_well(model, forecast, prices, tmp_path):
    StreamingForecaster(model).save(tmp_path / "empty")
    again = StreamingForecaster.load(model, tmp_path / "empty")
    assert_equal(again.advance(cut(prices, 0, 80)), rows_of(forecast, 0, 80))


def test_what_it_remembers_does_not_grow(model, prices, tmp_path):
    stream, sizes = started(model, cut(prices, 0, 250)), []
    for t in range(250, 310, 20):
        stream.advance(cut(prices, t, t + 20))
        stream.save(tmp_path / "stream")
        sizes.append(
            {name: value.untyped_storage().nbytes() for name, value in stream.state.items()}
        )
    assert sizes[0] == sizes[1] == sizes[2]


@pytest.mark.parametrize("kind", KINDS)
def test_later_bars_change_no_earlier_forecast(model, prices, kind):
    changed = change_future(prices, START + 19, kind)
    one, other = (started(model, cut(prices, 0, START)) for _ in range(2))
    before = one.advance(cut(prices, START, START + 30))
    after = other.advance(cut(changed, START, START + 30))
    for name in ("loc", "scale", "df"):
        ours, theirs = getattr(after.law, name), getattr(before.law, name)
        np.testing.assert_array_equal(ours[:20], theirs[:20])


def test_the_past_does_change_it(model, prices):
    """The sweep above would also pass if nothing changed anything."""
    changed = change_future(prices, START + 9, "noise")
    one, other = (started(model, cut(prices, 0, START)) for _ in range(2))
    one.advance(cut(prices, START, START + 20))
    other.advance(cut(changed, START, START + 20))
    later = cut(prices, START + 20, START + 21)
    difference = one.advance(later).law.scale / other.advance(later).law.scale - 1
    assert np.abs(difference).max(axis=2).min() > 1e-3


BAD_BARS = {
    "older": (lambda p: cut(p, START - 1), "expected bars newer than all before"),
    "another interval": (lambda p: replace(cut(p, START), interval="1h"), "has 1h bars: jamba-tin"),
    "a price of zero": (lambda p: replace(cut(p, START), values=p.values[START:] * 0), "positive"),
}


@pytest.mark.parametrize("case", BAD_BARS)
def test_bars_that_cannot_be_taken_in_change_nothing(model, forecast, prices, case):
    spoil, message = BAD_BARS[case]
    stream = started(model, cut(prices, 0, START))
    with pytest.raises(DataError, match=message) as caught:
        stream.advance(spoil(prices))
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError):
        stream.start(replace(prices, interval="1h"))
    assert_equal(stream.advance(cut(prices, START, 302)), rows_of(forecast, START, 302))


def test_a_history_that_is_too_short_is_refused(model, prices):
    with pytest.raises(DataError, match="expected at least"):
        StreamingForecaster(model).start(cut(prices, 0, 60).select(["AAA", "BBB"]))


def rewrite(change: Callable[[dict, dict], object]) -> Callable[[Path], None]:
    """Change the metadata or the tensors of a file, and leave the rest as it is."""

    def damage(path: Path) -> None:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        change(metadata, tensors)
        save_file(tensors, path, metadata)

    return damage


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(bytes(content))


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "not there": (lambda p: p.unlink(), "cannot be read"),
    "a folder": (a_folder, "cannot be read"),
    "empty": (lambda p: p.write_bytes(b""), "cannot be read"),
    "truncated": (lambda p: p.write_bytes(p.read_bytes()[:-100]), "expected a whole file"),
    "a pickle": (lambda p: p.write_bytes(pickle.dumps([1])), "cannot be read"),
    "one bit": (flip_a_bit, "not that of its SHA-256"),
    "another tensor": (rewrite(lambda m, t: t["features.tail"].fill_(0)), "not that of its SHA"),
    "another header": (
        rewrite(lambda m, t: m.update(header=m["header"].replace("AAA", "ZZZ"))),
        "not that of its SHA-256",
    ),
    "a later version": (
        rewrite(lambda m, t: m.update(format_version="2")),
        "is a stream of format 2: expected format 1",
    ),
    "some other safetensors": (rewrite(lambda m, t: m.clear()), "format unknown: expected"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_one_line(model, prices, tmp_path, damage):
    spoil, message = DAMAGES[damage]
    path = tmp_path / "stream.safetensors"
    started(model, cut(prices, 0, START)).save(path)
    spoil(path)
    with pytest.raises(ModelFileError, match=message) as caught:
        StreamingForecaster.load(model, path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith("start again from the whole history.")


def test_the_stream_of_another_model_is_refused(model, model_folder, prices, tmp_path):
    path = tmp_path / "stream"
    started(model, cut(prices, 0, START)).save(path)
    other = load_forecaster(model_folder)
    with pytest.raises(ModelFileError, match=r"of jamba-tiny with digest \w{16}: expected \w{16},"):
        StreamingForecaster.load(other, path)
    with pytest.raises(ModelFileError, match="with model jamba-tiny: expected gru-twin"):
        StreamingForecaster.load(load_forecaster(model_folder / "twin"), path)
    hourly = replace(model.files, corpus=model.corpus.model_copy(update={"interval": "1h"}))
    with pytest.raises(ModelFileError, match="with interval 1d: expected 1h"):
        StreamingForecaster.load(NetworkForecaster(hourly, model.network), path)


def test_a_folder_that_cannot_be_written_is_one_line(model, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelFileError, match=r"cannot be written .* the stream was not saved"):
        StreamingForecaster(model).save(tmp_path / "file" / "stream")


@pytest.mark.slow
def test_after_thousands_of_bars_it_has_not_drifted(model):
    panel = Panel.from_frames(make_frames(5500))
    assert_streamed(model, panel, 500)
