"""What a recording means: calls paired, stacks and state at any instant, causes and effects. No Qt."""
