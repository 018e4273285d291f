"""What enters: events, ids, the clock, the recorder inside a target and the session on disk. No Qt, nothing of ours."""
