"""Recordings from start to saved session: the recorder process, the sealer beside it, and who looks after them."""
