"""What the open recording cannot see, on one page: in sentences, with what can be done about it."""

from __future__ import annotations

from html import escape

from PySide6.QtWidgets import QDialog, QTextBrowser, QVBoxLayout, QWidget

from capture.session.format import Counts
from capture.session.session import Session
from capture.unseen import Blindness, told_unseen
from scope_gui.blindness import HEADING, dropped_line
from views.drawing.theme import colours, give_font, text_font
from views.loop.state import Theme
from views.words.figures import count_text
from views.words.plain_text import plain

NOTHING = "Nothing was noticed that this recording could not see."


def unseen_page(unseen: list[Blindness], counts: Counts, names: dict[int, str], theme: Theme) -> str:
    """The page as rich text; everything that comes out of the session is escaped."""
    c = colours(theme)
    blocks = []
    for one in unseen:
        about = [names.get(one.process_id, "")] if len({other.process_id for other in unseen}) > 1 else []
        small = [text for text in (one.remedy, *about) if text]
        below = "".join(f'<br><span style="color:{c.muted}">{escape(plain(text))}</span>' for text in small)
        blocks.append(f'<li style="margin-bottom:8px">{escape(plain(one.sentence))}{below}</li>')
    dropped = dropped_line(counts, count_text)
    lost = f'<p style="color:{c.warning}">▲ {escape(dropped)}</p>' if dropped else ""
    return f"{lost}<p><b>{HEADING}</b></p><ul>{''.join(blocks)}</ul>" if blocks else lost + f"<p>{NOTHING}</p>"


def show_unseen(parent: QWidget, session: Session | None, theme: Theme) -> QDialog:
    """Opens the page of this session; arrow keys scroll, Escape closes it."""
    dialog = QDialog(parent)
    dialog.setWindowTitle("What this recording cannot see")
    rows = QVBoxLayout(dialog)
    page = QTextBrowser(dialog)
    page.setOpenLinks(False)
    give_font(page, text_font(9.5))
    if session is not None:
        names = {row.process_id: f"process {row.pid} {row.name}" for row in session.processes()}
        manifest = session.manifest
        page.setHtml(unseen_page(told_unseen(manifest.unseen), manifest.counts, names, theme))
    rows.addWidget(page)
    dialog.resize(640, 360)
    dialog.open()
    page.setFocus()
    return dialog
