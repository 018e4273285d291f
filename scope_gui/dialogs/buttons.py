"""The last row of a dialog that does something: Cancel, and the button that does it."""

from __future__ import annotations

from PySide6.QtWidgets import QDialog, QHBoxLayout, QPushButton


def last_row(dialog: QDialog, go: QPushButton, name: str) -> QHBoxLayout:
    """Makes `go` what Enter presses and Cancel what Escape does. They are found as NAME.go and NAME.cancel."""
    go.setObjectName(f"{name}.go")
    go.setDefault(True)
    go.clicked.connect(dialog.accept)
    cancel = QPushButton("Cancel", dialog)
    cancel.setObjectName(f"{name}.cancel")
    cancel.setAutoDefault(False)
    cancel.clicked.connect(dialog.reject)
    row = QHBoxLayout()
    row.addStretch(1)
    row.addWidget(cancel)
    row.addWidget(go)
    return row
