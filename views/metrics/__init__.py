"""The metrics strip: memory, CPU and other samples over the time that the timeline shows."""
