"""A session on disk: how it is written, read, checked and asked."""
