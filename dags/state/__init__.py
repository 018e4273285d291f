"""Versions of every state cell, with their writers."""
