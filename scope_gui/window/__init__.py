"""The window: what lives as long as it, and what is in it beside the views."""
