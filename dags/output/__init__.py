"""What the program has printed, logged and warned of."""
