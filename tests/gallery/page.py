"""The contact sheet: all pictures on one page, dark and light side by side."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from tests.gallery.catalogue import Picture

_STYLE = """
body { font: 14px system-ui, sans-serif; margin: 24px; background: #888f99; color: #111; }
h2 { margin: 32px 0 8px; } .row { display: flex; gap: 12px; flex-wrap: wrap; }
figure { margin: 0; } img { width: 620px; display: block; border: 1px solid #444; } figcaption { padding: 2px 0 12px; }
"""


def contact_sheet(pictures: Sequence[Picture], title: str) -> str:
    """The page as HTML; every picture links to its file."""
    rows = []
    for session, what in dict.fromkeys((picture.session, picture.what) for picture in pictures):
        figures = "".join(
            f'<figure><a href="{picture.name}.png"><img loading="lazy" src="{picture.name}.png" '
            f'alt="{escape(picture.name)}"></a><figcaption>{picture.theme}, '
            f"{escape(picture.screen.name)}</figcaption></figure>"
            for picture in pictures
            if (picture.session, picture.what) == (session, what)
        )
        rows.append(f'<h2>{escape(what)} · {escape(session)}</h2>\n<div class="row">{figures}</div>')
    head = f'<!doctype html><meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    return f"{head}\n<h1>{escape(title)}</h1>\n" + "\n".join(rows) + "\n"
