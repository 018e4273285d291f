"""Pictures of a session without a window."""
