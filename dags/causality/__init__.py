"""Which event made which possible."""
