"""Both pages can be read without eyes for figures or colours, and ask nobody."""

import itertools
import re

import numpy as np
import pytest
from report.elements import Elements

PAPER = "#ffffff"


def test_one_language_title_and_viewport(any_page: str) -> None:
    elements = Elements(any_page)
    assert elements.all("html") == [{"lang": "en"}]
    assert len(elements.all("title")) == len(elements.all("main")) == 1
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in elements.all(
        "meta"
    )
    assert elements.open == []


def test_headings_go_down_step_by_step(any_page: str) -> None:
    headings = Elements(any_page).headings
    levels = [level for level, _ in headings]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(below - above <= 1 for above, below in itertools.pairwise(levels))
    assert all(str(text).strip() for _, text in headings)


def test_every_image_says_what_it_shows(any_page: str) -> None:
    for image in Elements(any_page).all("img"):
        alt = image["alt"] or ""
        assert re.search(r"\d", alt), alt
        assert len(alt.split()) >= 8, alt
        assert int(image["width"] or 0) > int(image["height"] or 0) / 2 > 0


def test_every_table_has_caption_and_heads(any_page: str) -> None:
    tables = Elements(any_page).tables
    assert len(tables) > 8
    assert len({table.caption for table in tables}) == len(tables)
    for table in tables:
        assert table.caption.strip()
        head, *body = table.rows
        assert all(cell.attributes.get("scope") == "col" for cell in head if cell.tag == "th")
        assert all(cell.tag == "th" or not cell.text for cell in head)
        for row in body:
            assert row[0].attributes.get("scope") == "row"
            assert {cell.tag for cell in row[1:]} <= {"td"}
            assert len(row) == len(head)


def test_colours_never_stand_alone(any_page: str) -> None:
    """A coloured cell says in words or by its sign what its colour says."""
    said = {"beats": "BEATS", "loses": "LOSES", "no-evidence": "NO EVIDENCE"}
    said |= {"not-enough-data": "NOT ENOUGH DATA"}
    for table in Elements(any_page).tables:
        for cell in itertools.chain.from_iterable(table.rows):
            styles = (cell.attributes.get("class") or "").split()
            if "gain" in styles or "loss" in styles:
                assert cell.text.startswith("+" if "gain" in styles else "-")
            elif styles:
                assert said[styles[0]] == cell.text


def test_contrast(any_page: str) -> None:
    """At least 4.5 to 1, of every colour on its own or on any background of running text."""
    (style,) = re.findall(r"<style>(.*?)</style>", any_page, re.S)
    rules = re.findall(r"([^{}]+)\{([^{}]*)\}", style)
    colors = [
        (name, dict(re.findall(r"([a-z-]+):\s*(#[0-9a-f]{3,6})", body))) for name, body in rules
    ]
    plain = [
        PAPER,
        *(found["background"] for name, found in colors if name.strip() == ".warning"),
    ]
    assert len(plain) >= 2
    for name, found in colors:
        if "color" in found:
            grounds = [found["background"]] if ".gain" in name or ".loss" in name else plain
            for ground in grounds:
                assert _contrast(found["color"], ground) >= 4.5, (name, ground)


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(color: str) -> float:
    digits = color[1:] if len(color) == 7 else "".join(2 * digit for digit in color[1:])
    rgb = np.array([int(digits[k : k + 2], 16) / 255 for k in (0, 2, 4)])
    linear = np.where(rgb <= 0.03928, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_contrast_is_that_of_the_guidelines() -> None:
    assert _contrast("#000", "#fff") == pytest.approx(21)
    assert _contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_page_needs_nobody(any_page: str) -> None:
    text = re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "data:", any_page)
    for word in ("http:", "https:", "url(", "@import", "javascript:", " on" + "error=", "src=//"):
        assert word not in text
    elements = Elements(any_page)
    tags = {tag for tag, _ in elements.found}
    assert not tags & {"script", "link", "iframe", "object", "embed", "base", "form", "a"}
    assert all(
        (image["src"] or "").startswith("data:image/png;base64,iVBOR")
        for image in elements.all("img")
    )


def test_page_forbids_every_request(any_page: str) -> None:
    (policy,) = [
        meta["content"] or ""
        for meta in Elements(any_page).all("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    assert "script-src" not in rules


def test_page_is_small(any_page: str) -> None:
    assert len(any_page.encode()) < 3_000_000
