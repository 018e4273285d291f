"""What belongs together: events that begin something and those that end it."""
