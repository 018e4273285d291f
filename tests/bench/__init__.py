"""`make bench`: the figures of design.md §10, ours beside today's tools, measured in one run."""
