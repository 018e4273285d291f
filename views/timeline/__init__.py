"""The timeline: the whole session above, what is visible of it below, one lane per process and thread."""
