"""One batch of events through all DAGs: rows, keyframes, replay."""
