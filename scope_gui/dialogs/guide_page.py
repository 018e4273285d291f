"""A page of the guide as the rich text that Qt shows: keys as caps that can be clicked. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import groupby
from typing import NamedTuple
from urllib.parse import quote, unquote

from scope_gui.guide import GuideBlock, GuidePiece, GuideSection

COMMAND, PAGE = "command", "page"


class Ink(NamedTuple):
    """The colours of a page, as #rrggbb: words, quieter words, links, the ground of a key."""

    text: str
    muted: str
    link: str
    cap: str


def as_html(sections: Sequence[GuideSection], ink: Ink) -> str:
    """The page; each section begins with an anchor, `anchor_of`."""
    parts: list[str] = []
    for section in sections:
        parts.append(f'<a name="{anchor_of(section.number)}"></a>')
        parts += (_group(kind, list(group), ink) for kind, group in groupby(section.blocks, lambda block: block.kind))
    return f'<div style="color:{ink.text}">{"".join(parts)}</div>'


def anchor_of(number: int) -> str:
    """The name of the place where a section begins."""
    return f"section-{number}"


def guide_link(piece: GuidePiece) -> str:
    """The address of a link.

    >>> guide_link(GuidePiece("command", "X", "Next exception"))
    'command:Next%20exception'
    """
    return f"{piece.kind}:{quote(piece.names, safe='')}"


def linked(address: str) -> tuple[str, str]:
    """(COMMAND or PAGE, the name) of a link's address.

    >>> linked("command:Next%20exception")
    ('command', 'Next exception')
    """
    kind, _, name = address.partition(":")
    return kind, unquote(name)


def _group(kind: str, blocks: Sequence[GuideBlock], ink: Ink) -> str:
    lines = ["".join(_piece(piece, ink) for piece in block.pieces) for block in blocks]
    match kind:
        case "title":
            return "".join(
                f'<p style="font-size:x-large; font-weight:600; margin:0 0 6px 0">{line}</p>' for line in lines
            )
        case "heading":
            style = "font-size:large; font-weight:600; margin:18px 0 4px 0"
            return "".join(f'<p style="{style}">{line}</p>' for line in lines)
        case "step" | "item":
            tag = "ol" if kind == "step" else "ul"
            rows = "".join(f'<li style="margin-bottom:6px">{line}</li>' for line in lines)
            return f'<{tag} style="margin:4px 0 4px 20px; -qt-list-indent:0">{rows}</{tag}>'
        case _:
            return "".join(f'<p style="margin:6px 0">{line}</p>' for line in lines)


def _piece(piece: GuidePiece, ink: Ink) -> str:
    text = escape(piece.text)
    match piece.kind:
        case "command" | "key":
            cap = f'<span style="background-color:{ink.cap}; color:{ink.link if piece.names else ink.text}">'
            shown = f"{cap}&nbsp;{text.replace(' ', '&nbsp;')}&nbsp;</span>"
            return _link(piece, shown) if piece.names else shown
        case "page":
            return _link(piece, f'<span style="color:{ink.link}">{text}</span>')
        case "typed":
            return f'<code style="color:{ink.text}">{text}</code>'
        case "seen":
            return f"<b>{text}</b>"
        case _:
            return text


def _link(piece: GuidePiece, shown: str) -> str:
    return f'<a href="{guide_link(piece)}" style="text-decoration:none">{shown}</a>'
