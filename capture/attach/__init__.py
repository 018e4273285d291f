"""Getting into a process: rules, ways in, the channel to the agent inside."""
