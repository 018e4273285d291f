"""Stacks at an instant, and the calling-context tree of a range."""
