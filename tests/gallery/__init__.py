"""Pictures of every view in every theme and size, for whoever judges what the window looks like: `make gallery`."""
