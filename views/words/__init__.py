"""Numbers, times and texts as people read them. No Qt."""
