"""What a page consists of, for the tests that read one."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"meta", "img", "br", "hr"}


@dataclass
class Cell:
    """A cell of a table: its tag, attributes and text."""

    tag: str
    attributes: dict[str, str | None]
    text: str = ""


@dataclass
class TableElement:
    """A table: its caption, and its rows of cells."""

    caption: str = ""
    rows: list[list[Cell]] = field(default_factory=list)

    @property
    def texts(self) -> list[tuple[str, ...]]:
        """The words of every row."""
        return [tuple(cell.text for cell in row) for row in self.rows]


class Elements(HTMLParser):
    """Tags with attributes in order, tables, and headings with their level and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.tables: list[TableElement] = []
        self.headings: list[list[object]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append(TableElement())
        elif tag == "tr":
            self.tables[-1].rows.append([])
        elif tag in ("td", "th"):
            self.tables[-1].rows[-1].append(Cell(tag, dict(attrs)))
        elif len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
            self.headings.append([int(tag[1]), ""])

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "caption" in self.open:
            self.tables[-1].caption += data
        elif {"td", "th"} & set(self.open):
            self.tables[-1].rows[-1][-1].text += data
        elif self.open and self.open[-1] in ("h1", "h2", "h3", "h4"):
            self.headings[-1][1] = f"{self.headings[-1][1]}{data}"

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every element of a kind."""
        return [attrs for name, attrs in self.found if name == tag]

    def table(self, caption: str) -> TableElement:
        """The one table whose caption begins so."""
        (found,) = [table for table in self.tables if table.caption.startswith(caption)]
        return found
