"""One question per module; every answer carries the ids of the events that prove it."""
