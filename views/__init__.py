"""What is seen: the state of the window, the events that change it, and one folder per view."""
