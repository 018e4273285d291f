"""Exceptions, each from its raise through the calls that it left."""
