"""A process looked at from outside: its interpreter, memory map and threads, and what the kernel allows it."""
