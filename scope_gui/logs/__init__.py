"""What Scope itself has done and how it failed: a bounded file and crash reports, on this machine and nowhere else."""
