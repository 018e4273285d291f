"""Which events there are, in which order."""
