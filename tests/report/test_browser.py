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
from report.elements import Elements

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
def console() -> list[str]:
    """What the browser wrote to its console: warnings and errors of pages."""
    return []


@pytest.fixture
def visit(asked: list[str], console: list[str], tmp_path: Path) -> Iterator[Visit]:
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
        "--enable-logging=stderr",
    ]

    def run(page: Path, *options: str) -> str:
        done = subprocess.run(
            [*command, *options, page.as_uri()], capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        console.extend(line for line in done.stderr.splitlines() if ":CONSOLE" in line)
        return done.stdout

    yield run
    server.shutdown()
    server.server_close()


def test_page_renders_and_asks_nobody(
    visit: Visit, asked: list[str], console: list[str], any_page: str, tmp_path: Path
) -> None:
    page = _written(any_page, tmp_path)
    dom = visit(page, "--dump-dom")
    assert dom.count("<img ") == len(Elements(any_page).all("img")) > 10
    for width in (1200, 390):
        picture = tmp_path / f"{width}.png"
        visit(page, f"--window-size={width},6000", f"--screenshot={picture}")
        pixels = matplotlib.image.imread(picture)[..., :3]
        assert pixels.shape[1] == width
        # Bars, bands and curves were drawn: not just black words on white.
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 200
    assert asked == []
    assert console == []


PHONE = (
    '<iframe src="page.html" style="width: 390px; height: 800px; border: 0"></iframe>'
    "<script>addEventListener('message', (event) => { document.title = event.data })</script>"
)
MEASURE = "<script>parent.postMessage(innerWidth + ' ' + document.documentElement.scrollWidth, '*')"


def _measured(visit: Visit, page: str, tmp_path: Path) -> tuple[int, int]:
    """Width of a phone and of what it shows, of a copy that may run a script.

    No window of the browser is as narrow as a phone, a frame is.
    """
    free = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    _written(free.replace("</body>", MEASURE + "</script></body>"), tmp_path)
    phone = tmp_path / "phone.html"
    phone.write_text(PHONE, encoding="utf-8")
    found = re.search(r"<title>(\d+) (\d+)</title>", visit(phone, "--dump-dom"))
    assert found
    return int(found[1]), int(found[2])


def test_no_scrolling_sideways_on_a_phone(visit: Visit, any_page: str, tmp_path: Path) -> None:
    assert _measured(visit, any_page, tmp_path) == (390, 390)
    wide = any_page.replace("<main>", '<main><div style="width: 900px">wide</div>')
    assert _measured(visit, wide, tmp_path)[1] > 900


@pytest.mark.parametrize(("name", "most"), [("page", 45), ("strategy_page", 14)])
def test_page_prints(
    name: str, most: int, visit: Visit, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    page, paper = str(request.getfixturevalue(name)), tmp_path / "page.pdf"
    visit(_written(page, tmp_path), f"--print-to-pdf={paper}", "--no-pdf-header-footer")
    pdf = paper.read_bytes()
    assert pdf.startswith(b"%PDF")
    sheets = re.findall(rb"/Type /Page\b", pdf)
    assert most / 3 < len(sheets) <= most
    # A4, in points.
    assert re.search(rb"/MediaBox \[0 0 59[45][.\d]* 84[12][.\d]*\]", pdf)


def _written(page: str, folder: Path) -> Path:
    path = folder / "page.html"
    path.write_text(page, encoding="utf-8")
    return path


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
    visit: Visit, asked: list[str], console: list[str], any_page: str, tmp_path: Path
) -> None:
    smuggled = (
        '<img src="http://example.com/a.png"><script>document.title = "owned"</script>'
        '<link rel="stylesheet" href="http://example.com/a.css">'
    )
    path = _written(any_page.replace("<footer>", smuggled + "<footer>"), tmp_path)
    dom = visit(path, "--dump-dom")
    # The browser says what it refused; so the console would have shown an error of the page.
    assert len([line for line in console if "Content Security Policy" in line]) >= 3
    assert asked == []
    assert "<title>owned</title>" not in dom
