"""The store of fetched prices: append-only, checked at every read, able to go back in time."""

from forecasting.market.store.difference import Difference as Difference
from forecasting.market.store.difference import diff as diff
from forecasting.market.store.folders import present as present
from forecasting.market.store.generations import read as read
from forecasting.market.store.manifest import Manifest as Manifest
from forecasting.market.store.source import StoreSource as StoreSource
