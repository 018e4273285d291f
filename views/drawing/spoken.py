"""What a widget says of itself to whoever does not see it.

A widget has a name, which says what it is or does and stays, and a description, which says what it shows and follows.
Where Qt finds no description it reads the tooltip, which is markup with us: whoever sets one says it here.
"""

from __future__ import annotations

from PySide6.QtWidgets import QComboBox, QWidget

from views.words.plain_text import plain, tooltip


def tell(widget: QWidget, *parts: str) -> None:
    """Has a widget say these, those that are not empty; texts may come out of a session."""
    words = ", ".join(plain(part) for part in parts if part)
    if widget.accessibleDescription() != words:
        widget.setAccessibleDescription(words)


def name_editable(box: QComboBox, name: str) -> None:
    """Makes a box editable, and has it and the line that gets the keyboard in it say what they are."""
    box.setEditable(True)
    for part in (box, box.lineEdit()):
        if part is not None:
            part.setAccessibleName(name)


def explain(widget: QWidget, *lines: str) -> None:
    """A tooltip of these lines, and the same for whoever does not see it."""
    shown = [line for line in lines if line]
    widget.setToolTip(tooltip(*shown))
    tell(widget, *shown)
