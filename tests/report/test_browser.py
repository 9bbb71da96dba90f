"""The page in a real browser."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import matplotlib.image
import numpy as np
import pytest

from forecasting.report.report import Report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine"),
]

Visit = Callable[..., str]

# Errands of the browser itself, which no switch stops; an empty page makes the same ones.
OWN_ERRANDS = re.compile(
    r"(http://)?((clients\d|accounts|www)\.google|update\.googleapis)\.com[:/]"
)


@pytest.fixture
def asked() -> list[str]:
    """What the browser asked the network for."""
    return []


@pytest.fixture
def visit(asked: list[str], tmp_path: Path) -> Iterator[Visit]:
    """Opens a file in a browser whose only way out is a proxy here that writes down and refuses."""

    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not OWN_ERRANDS.match(self.path):
                asked.append(self.path)
            self.send_error(403)

        do_CONNECT = do_POST = do_HEAD = do_GET

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    Thread(target=server.serve_forever, daemon=True).start()
    command = [
        str(CHROMIUM),
        *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        f"--user-data-dir={tmp_path / 'profile'}",
        f"--proxy-server=http://127.0.0.1:{server.server_address[1]}",
        "--proxy-bypass-list=<-loopback>",
    ]

    def run(page: Path, *options: str) -> str:
        done = subprocess.run(
            [*command, *options, page.as_uri()], capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    yield run
    server.shutdown()
    server.server_close()


def test_page_renders_and_asks_nobody(
    visit: Visit, asked: list[str], report: Report, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    report.write(page)
    dom = visit(page, "--dump-dom")
    rivals = len(report.evaluation.rivals)
    assert f"jamba-tiny against {rivals} rivals at 3 horizons" in dom
    assert dom.count("<img ") == len(report.evaluation.tickers) + 2 + len(report.books)
    for width in (1100, 400):
        picture = tmp_path / f"{width}.png"
        visit(page, f"--window-size={width},6000", f"--screenshot={picture}")
        pixels = matplotlib.image.imread(picture)[..., :3]
        assert pixels.shape[1] == width
        # Bars, bands and curves were drawn: not just black words on white.
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 200
    assert asked == []


def test_an_empty_page_asks_nobody(visit: Visit, asked: list[str], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<title>nothing</title>", encoding="utf-8")
    visit(page, "--dump-dom")
    assert asked == []


def test_the_proxy_would_have_seen_a_request(
    visit: Visit, asked: list[str], tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    page.write_text('<img src="http://example.com/picture.png">', encoding="utf-8")
    visit(page, "--dump-dom")
    assert asked == ["http://example.com/picture.png"]


def test_the_policy_stops_what_is_smuggled_in(
    visit: Visit, asked: list[str], page: str, tmp_path: Path
) -> None:
    smuggled = (
        '<img src="http://example.com/a.png"><script>document.title = "owned"</script>'
        '<link rel="stylesheet" href="http://example.com/a.css">'
    )
    path = tmp_path / "page.html"
    path.write_text(page.replace("<footer>", smuggled + "<footer>"), encoding="utf-8")
    dom = visit(path, "--dump-dom")
    assert asked == []
    assert "<title>owned</title>" not in dom
