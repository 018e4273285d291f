"""Slow answers for views: the open session, and the threads that read it."""
