"""A store on a disk that was mounted read-only: it is read as ever, and says what it cannot do."""

from market.store.answers import make_bars, store

from forecasting.errors import DataError
from forecasting.market.store.generations import read
from forecasting.market.store.source import StoreSource

if __name__ == "__main__":
    try:
        store(make_bars(200))
    except DataError as error:
        print(error)
    assert len(read("AAA")[0]) == len(StoreSource().load().times) == 150
