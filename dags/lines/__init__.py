"""When lines of functions ran for the first time."""
