"""The whole program at one instant."""
