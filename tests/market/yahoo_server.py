"""Yahoo on loopback: a CONNECT proxy that ends TLS for *.yahoo.com and answers as Yahoo does.

The real yfinance and curl run against it, with their cookies, crumbs and hard-coded addresses.
`environment` is what a process needs to reach it. All prices are made up.
"""

import datetime as dt
import ssl
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from market.yahoo_charts import NOT_FOUND, Reply, between, chart_reply


@dataclass
class FakeYahoo:
    """What the server knows, and what it was asked.

    Attributes:
        charts: Symbol, or `SYMBOL 5m` for intraday bars, to chart result.
        failures: Symbol to answers that come first, one a chart request with dates.
        requests: Paths of all requests, in order.
        asked: Symbols of the chart requests with dates, in order.
        spans: Their first second and the one after their last.
        on_ask: Called with the symbol at each of them.
    """

    charts: dict[str, dict] = field(default_factory=dict)
    failures: dict[str, list[Reply]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)
    on_ask: Callable[[str], None] = lambda symbol: None
    environment: dict[str, str] = field(default_factory=dict)

    def answer(self, target: str) -> Reply:
        url = urlsplit(target)
        self.requests.append(url.path)
        if url.path.endswith("/getcrumb"):
            return Reply(200, b"crumb")
        if not url.path.startswith("/v8/finance/chart/"):
            return Reply(404, b"")
        symbol = url.path.rsplit("/", 1)[1].replace("%5E", "^").replace("%3D", "=")
        query = parse_qs(url.query)
        interval = query["interval"][0]
        # yfinance asks first for one day, to learn the zone, and tries each failure twice.
        if "period1" not in query:
            known = [each for key, each in self.charts.items() if key.split()[0] == symbol]
            return chart_reply(200, known[:1], None) if known else chart_reply(404, None, NOT_FOUND)
        chart = self.charts.get(symbol if interval == "1d" else f"{symbol} {interval}")
        span = (int(query["period1"][0]), int(query["period2"][0]))
        self.asked.append(symbol)
        self.spans.append(span)
        self.on_ask(symbol)
        if self.failures.get(symbol):
            return self.failures[symbol].pop(0)
        return (
            chart_reply(404, None, NOT_FOUND) if chart is None else between(chart, *span, interval)
        )


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
            time.sleep(reply.delay_s)
            self.send_response(reply.status)
            self.send_header("Content-Length", str(len(reply.body) + reply.missing_bytes))
            for name, value in reply.headers.items():
                self.send_header(name, value)
            expires = dt.datetime.now(dt.UTC) + dt.timedelta(days=300)
            until = f"{expires:%a, %d %b %Y %H:%M:%S} GMT"
            cookie = f"A3=made-up; Domain=.yahoo.com; Path=/; Expires={until}"
            self.send_header("Set-Cookie", cookie)
            self.end_headers()
            self.wfile.write(reply.body)
            self.close_connection = reply.missing_bytes > 0

        def finish(self) -> None:
            super().finish()
            self.connection.close()

        def log_message(self, *args: object) -> None:
            pass

    return Handler


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
