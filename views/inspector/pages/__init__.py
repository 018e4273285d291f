"""The pages of what can be picked, a file each: facts and a frame in, sections out."""
