"""Holds the layers that bring a series into a network and its output back, one a file."""
