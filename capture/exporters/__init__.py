"""Sessions as files that other tools open: a registry and a file each."""
