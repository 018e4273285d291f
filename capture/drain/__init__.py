"""How records leave a target and are safe: pool, drain, journal. Imports neither numpy nor pyarrow."""
