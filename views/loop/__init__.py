"""The window's state as one value, the events that change it, and the store between both and the views."""
