"""What the bytes of a recording mean: blocks to records to ordered batches of events."""
