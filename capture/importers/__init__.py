"""Recordings of other tools as sessions: a registry and a file each."""
