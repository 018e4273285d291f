"""What a person is asked: which process, which program, which moment, what to export."""
