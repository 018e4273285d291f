"""A small order service worth debugging: threads, tasks, child processes, and four planted bugs (see ../README.md)."""
