"""Does nothing, on purpose: what a 3.14 is asked to run in the place of a bootstrap that is no longer wanted."""
