"""What looks wrong in a recording: a registry and a question a file, each with a proof."""
