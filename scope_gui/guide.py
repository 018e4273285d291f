"""The guide: pages about the window, read from `resources/guide/`. No Qt.

A page is a text with a few marks. What it says of keys comes from the commands, so that it cannot be wrong:

    # Title                 the first line
    ## Heading              a section begins
    1. a step               something to do, in its order
    - an item
    {Next exception}        that command: its key, or its place in the menus
    {key:Enter}             a key that is no command's
    {page:timeline}         another page
    `text`                  something to type
    **text**                something that is on the screen then

To add a page: a file there, and a row in PAGES.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from capture.errors import ScopeBug, WrongUsage
from scope_gui.commands import Ask, Command, all_commands, way_to
from scope_gui.places import resource_path

FOLDER = "guide"


class GuidePage(NamedTuple):
    """One page: the name of its file, the views that it is about, and the dialogs, by what is asked for in them."""

    name: str
    views: tuple[str, ...] = ()
    asks: tuple[Ask, ...] = ()


PAGES: tuple[GuidePage, ...] = (
    GuidePage("start"),
    GuidePage("timeline", ("timeline", "metrics")),
    GuidePage("building", ("building",)),
    GuidePage("inspector", ("inspector", "supervision")),
    GuidePage("finding", asks=("find", "go to", "note", "note on stretch", "export")),
    GuidePage("recording", asks=("attach", "launch", "change", "open", "unseen")),
)

PieceKind = Literal["text", "command", "key", "page", "typed", "seen"]
BlockKind = Literal["title", "heading", "text", "step", "item"]
_MARK = re.compile(r"\{(?P<of>key:|page:|)(?P<name>[^}]+)\}|`(?P<typed>[^`]+)`|\*\*(?P<seen>[^*]+)\*\*")
_BETWEEN_BLOCKS = re.compile(r"\n\s*\n|\n(?=#|\d+\. |- )")
_BLOCKS: tuple[tuple[BlockKind, re.Pattern[str]], ...] = (
    ("heading", re.compile("## ")),
    ("title", re.compile("# ")),
    ("step", re.compile(r"\d+\. ")),
    ("item", re.compile("- ")),
    ("text", re.compile("")),
)


class GuidePiece(NamedTuple):
    """A part of a line. `names`: the title of a command, the name of a page."""

    kind: PieceKind
    text: str
    names: str = ""


class GuideBlock(NamedTuple):
    """A title, a heading, a paragraph, a step, or an item of a list."""

    kind: BlockKind
    pieces: tuple[GuidePiece, ...]

    @property
    def text(self) -> str:
        """The words without their marks."""
        return "".join(piece.text for piece in self.pieces)


class GuideSection(NamedTuple):
    """A heading with what stands below it, `number` in its page; the first one has the page's title."""

    page: str
    number: int
    blocks: tuple[GuideBlock, ...]

    @property
    def heading(self) -> str:
        """The heading's words."""
        return self.blocks[0].text


class GuideHit(NamedTuple):
    """A section that has the words that were looked for, and the line that has most of them."""

    section: GuideSection
    line: str


class Guide:
    """All pages, with these commands in them.

    Raises: TargetProblem when a page is missing from this installation, ScopeBug when one names what there is not.
    """

    def __init__(self, commands: Sequence[Command] | None = None) -> None:
        """Reads them."""
        ways = {command.title: way_to(command) for command in commands or all_commands()}
        texts = {row.name: resource_path(f"{FOLDER}/{row.name}.md").read_text(encoding="utf-8") for row in PAGES}
        self.titles = {name: text.partition("\n")[0].removeprefix("# ") for name, text in texts.items()}
        self._sections = {name: _sections(name, text, ways, self.titles) for name, text in texts.items()}

    def sections(self, page: str) -> tuple[GuideSection, ...]:
        """A page.

        Raises: WrongUsage when there is none of that name.
        """
        if page not in self._sections:
            raise WrongUsage(f"The guide has no page {page!r}.", f"Its pages are {', '.join(self._sections)}.")
        return self._sections[page]

    def found(self, text: str) -> list[GuideHit]:
        """The sections that hold all of these words, those with them in the heading first; none for no words."""
        words = text.casefold().split()
        every = [section for sections in self._sections.values() for section in sections]
        holding = [one for one in every if words and _has_all(" ".join(block.text for block in one.blocks), words)]
        holding.sort(key=lambda one: not _has_all(one.heading, words))
        return [
            GuideHit(one, max((block.text for block in one.blocks), key=lambda line: _count(line, words)))
            for one in holding
        ]

    def as_text(self, page: str, width: int) -> str:
        """A page for a terminal of so many columns.

        Raises: WrongUsage when there is none of that name.
        """
        lines: list[str] = []
        before, step = "", 0
        for block in (block for section in self.sections(page) for block in section.blocks):
            step = step + 1 if block.kind == "step" else 0
            lead = {"step": f"{step:>3}. ", "item": "  - "}.get(block.kind, "")
            if lines and not (block.kind == before and lead):
                lines.append("")
            said = "".join(map(_in_text, block.pieces))
            lines += textwrap.wrap(said, width, initial_indent=lead, subsequent_indent=" " * len(lead))
            if block.kind in {"title", "heading"}:
                lines.append(("=" if block.kind == "title" else "-") * min(len(said), width))
            before = block.kind
        return "\n".join(lines)


def page_of_dialog(ask: Ask | None) -> str:
    """The page about a dialog; the first one for one that no page is about."""
    return next((row.name for row in PAGES if ask in row.asks), PAGES[0].name)


def page_of_view(view: str) -> str:
    """The page about a view; the first one for '', or a view that no page is about."""
    return next((row.name for row in PAGES if view in row.views), PAGES[0].name)


def blocks(text: str, ways: Mapping[str, str], titles: Mapping[str, str]) -> Iterator[GuideBlock]:
    """The blocks of a page; `ways` by the titles of commands, `titles` by the names of pages.

    >>> list(blocks("1. Press {Next}.", {"Next": "X"}, {}))[0].pieces[1]
    GuidePiece(kind='command', text='X', names='Next')

    Raises: ScopeBug for a command or page that there is not.
    """
    for paragraph in _BETWEEN_BLOCKS.split(text.strip()):
        line = " ".join(paragraph.split())
        kind, begin = next((kind, found) for kind, mark in _BLOCKS if (found := mark.match(line)))
        yield GuideBlock(kind, tuple(_pieces(line[begin.end() :], ways, titles)))


def _pieces(line: str, ways: Mapping[str, str], titles: Mapping[str, str]) -> Iterator[GuidePiece]:
    at = 0
    for mark in _MARK.finditer(line):
        if mark.start() > at:
            yield GuidePiece("text", line[at : mark.start()])
        at, name = mark.end(), mark["name"]
        if mark["typed"] or mark["seen"]:
            yield GuidePiece("typed", mark["typed"]) if mark["typed"] else GuidePiece("seen", mark["seen"])
        elif mark["of"] == "key:":
            yield GuidePiece("key", name)
        elif name not in (known := titles if mark["of"] else ways):
            raise ScopeBug(f"the guide names {mark[0]}, which there is not")
        else:
            yield GuidePiece("page" if mark["of"] else "command", known[name], name)
    if at < len(line):
        yield GuidePiece("text", line[at:])


def _sections(page: str, text: str, ways: Mapping[str, str], titles: Mapping[str, str]) -> tuple[GuideSection, ...]:
    parts: list[list[GuideBlock]] = []
    for block in blocks(text, ways, titles):
        if block.kind in {"title", "heading"}:
            parts.append([])
        parts[-1].append(block)
    return tuple(GuideSection(page, number, tuple(part)) for number, part in enumerate(parts))


def _in_text(piece: GuidePiece) -> str:
    match piece.kind:
        case "command" | "key":
            return f"[{piece.text}]"
        case "page":
            return f"{piece.text} (scope-gui guide {piece.names})"
        case "typed":
            return f"`{piece.text}`"
        case _:
            return piece.text


def _has_all(text: str, words: Sequence[str]) -> bool:
    return all(word in text.casefold() for word in words)


def _count(text: str, words: Sequence[str]) -> int:
    return sum(word in text.casefold() for word in words)
