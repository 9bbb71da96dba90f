"""Yahoo on loopback: a CONNECT proxy that ends TLS for *.yahoo.com and answers as Yahoo does.

The real yfinance and curl run against it, with their cookies, crumbs and hard-coded addresses.
`environment` is what a process needs to reach it. All prices are made up.
"""

import datetime as dt
import json
import ssl
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ZONE = "America/New_York"
NOT_FOUND = {"code": "Not Found", "description": "No data found, symbol may be delisted"}


@dataclass
class Reply:
    """One HTTP answer."""

    status: int
    body: bytes


@dataclass
class FakeYahoo:
    """What the server knows, and what it was asked.

    Attributes:
        charts: Symbol to chart result.
        failures: Symbol to answers that come first, one a chart request with dates.
        asked: Symbols of the chart requests with dates, in order.
        spans: Their first second and the one after their last.
    """

    charts: dict[str, dict] = field(default_factory=dict)
    failures: dict[str, list[Reply]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)

    def answer(self, target: str) -> Reply:
        url = urlsplit(target)
        if url.path.endswith("/getcrumb"):
            return Reply(200, b"crumb")
        if not url.path.startswith("/v8/finance/chart/"):
            return Reply(404, b"")
        symbol = url.path.rsplit("/", 1)[1].replace("%5E", "^").replace("%3D", "=")
        query = parse_qs(url.query)
        # yfinance asks first for one day, to learn the zone, and tries each failure twice.
        if "period1" in query:
            self.asked.append(symbol)
            self.spans.append((int(query["period1"][0]), int(query["period2"][0])))
            if self.failures.get(symbol):
                return self.failures[symbol].pop(0)
        chart = self.charts.get(symbol)
        if chart is None:
            return _chart(404, None, NOT_FOUND)
        return _chart(200, [chart], None)


def make_chart(
    days: pd.DatetimeIndex,
    *,
    dividends: dict[str, float] | None = None,
    splits: dict[str, tuple[int, int]] | None = None,
    null: tuple[int, ...] = (),
    session_end: pd.Timestamp | None = None,
) -> dict:
    """A chart result with one bar a day, opening at 9:30 New York time."""
    stamps = [_opening(day) for day in days]
    close = np.round(50 * np.exp(np.cumsum(np.sin(np.arange(len(days))) / 50)), 2)
    blank = set(null)

    def listed(values: np.ndarray) -> list:
        return [None if k in blank else float(value) for k, value in enumerate(values)]

    end = session_end or pd.Timestamp.now("UTC").floor("s") - pd.Timedelta(hours=5)
    period = {"timezone": "EST", "gmtoffset": -18000, "end": int(end.timestamp())}
    period["start"] = period["end"] - 23_400
    quote = {
        "open": listed(close * 1.001),
        "high": listed(close * 1.01),
        "low": listed(close * 0.99),
        "close": listed(close),
        "volume": [None if k in blank else 1000 + k for k in range(len(days))],
    }
    events: dict[str, dict] = {
        "dividends": {
            str(_opening(pd.Timestamp(day))): {
                "amount": amount,
                "date": _opening(pd.Timestamp(day)),
            }
            for day, amount in (dividends or {}).items()
        },
        "splits": {
            str(_opening(pd.Timestamp(day))): {
                "date": _opening(pd.Timestamp(day)),
                "numerator": numerator,
                "denominator": denominator,
                "splitRatio": f"{numerator}:{denominator}",
            }
            for day, (numerator, denominator) in (splits or {}).items()
        },
    }
    return {
        "meta": {
            "currency": "USD",
            "symbol": "ANY",
            "instrumentType": "EQUITY",
            "exchangeTimezoneName": ZONE,
            "timezone": "EST",
            "gmtoffset": -18000,
            "firstTradeDate": stamps[0],
            "regularMarketTime": stamps[-1],
            "regularMarketPrice": float(close[-1]),
            "priceHint": 2,
            "currentTradingPeriod": {name: dict(period) for name in ("pre", "regular", "post")},
            "validRanges": ["1d", "5d", "1mo", "max"],
            "dataGranularity": "1d",
        },
        "timestamp": stamps,
        "indicators": {"quote": [quote], "adjclose": [{"adjclose": listed(close * 0.9)}]},
        "events": {name: event for name, event in events.items() if event},
    }


def through_proxy(port: int) -> dict[str, str]:
    """What sends all of a process's HTTPS requests to a port of this machine."""
    proxy = f"http://127.0.0.1:{port}"
    return {"HTTPS_PROXY": proxy, "https_proxy": proxy, "NO_PROXY": "", "no_proxy": ""}


@contextmanager
def serve(folder: Path) -> Iterator[FakeYahoo]:
    """Run the server for a while, its certificate below `folder`."""
    yahoo = FakeYahoo()
    certificate = _make_certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(context, yahoo.answer))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yahoo.environment = through_proxy(server.server_address[1])
    yahoo.environment["REQUESTS_CA_BUNDLE"] = str(certificate)
    try:
        yield yahoo
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def forget_yfinance() -> None:
    """Drop yfinance's process-wide session and caches, as a fresh process has them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from yfinance import cache, data

    data.SingletonMeta._instances.pop(data.YfData, None)
    for manager in (cache._TzDBManager, cache._CookieDBManager, cache._ISINDBManager):
        manager.close_db()
        manager._db = None
    cache._TzCacheManager._tz_cache = None
    cache._CookieCacheManager._Cookie_cache = None
    cache._ISINCacheManager._isin_cache = None


def _handler(
    context: ssl.SSLContext, answer: Callable[[str], Reply]
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 1

        def do_CONNECT(self) -> None:
            if not self.path.removesuffix(":443").endswith("yahoo.com"):
                self.send_error(403)
                return
            self.send_response(200, "Connection established")
            self.end_headers()
            self.connection = context.wrap_socket(self.connection, server_side=True)
            self.rfile = self.connection.makefile("rb", self.rbufsize)
            self.wfile = self.connection.makefile("wb", 0)
            self.close_connection = False

        def do_GET(self) -> None:
            reply = answer(self.path)
            self.send_response(reply.status)
            self.send_header("Content-Length", str(len(reply.body)))
            expires = dt.datetime.now(dt.UTC) + dt.timedelta(days=300)
            until = f"{expires:%a, %d %b %Y %H:%M:%S} GMT"
            cookie = f"A3=made-up; Domain=.yahoo.com; Path=/; Expires={until}"
            self.send_header("Set-Cookie", cookie)
            self.end_headers()
            self.wfile.write(reply.body)

        def finish(self) -> None:
            super().finish()
            self.connection.close()

        def log_message(self, *args: object) -> None:
            pass

    return Handler


def _chart(status: int, result: list | None, error: dict | None) -> Reply:
    return Reply(status, json.dumps({"chart": {"result": result, "error": error}}).encode())


def _opening(day: pd.Timestamp) -> int:
    return int((day.normalize() + pd.Timedelta(hours=9.5)).tz_localize(ZONE).timestamp())


def _make_certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback yahoo")])
    now = dt.datetime.now(dt.UTC)
    names = ["yahoo.com", "*.yahoo.com", "*.finance.yahoo.com"]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "yahoo.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
