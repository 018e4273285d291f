"""What local variables hold, line by line."""
