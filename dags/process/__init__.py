"""Threads that begin, join, wait and end; how busy each process is."""
