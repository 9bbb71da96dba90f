"""A store on a disk of a quarter of a megabyte: refresh until it is full, then make room again."""

from market.store.answers import make_bars, pay_dividend, store

from forecasting import paths
from forecasting.errors import DataError
from forecasting.market.panel import Panel
from forecasting.market.store.generations import read
from forecasting.market.store.manifest import Manifest


def fill_up(filler: int) -> tuple[Manifest, str]:
    """Write generation after generation until one does not fit; the last one and the error."""
    ballast = paths.home() / "ballast"
    ballast.write_bytes(bytes(filler))
    bars = make_bars(300)
    said = store(bars).manifest
    while True:
        bars = pay_dividend(bars, 0.99)
        try:
            said = store(bars).manifest
        except DataError as error:
            assert said.vintage == Panel.from_frames({"AAA": read("AAA")[0]}).vintage
            assert read("AAA")[1] == said
            ballast.unlink()
            assert store(bars).manifest.generation == said.generation + 1
            return said, str(error)


if __name__ == "__main__":
    last, told = fill_up(filler=100_000)
    print(f"{last.generation} generations, then: {told}")
