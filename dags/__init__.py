"""What the events of a session mean: the DAGs, the correlator that feeds them, and the frame at any instant."""
