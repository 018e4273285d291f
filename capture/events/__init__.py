"""What an event is: kinds, batches of them in columns, names and facts that they point to."""
