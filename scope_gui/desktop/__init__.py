"""Scope in the desktop: its icon, menu entry and file type."""
