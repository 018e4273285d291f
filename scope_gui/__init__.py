"""The shell around the engine: command line, recorder process, later the window."""
