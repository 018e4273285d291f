"""What can be settled, where it is kept, and which keys may be given to what."""
