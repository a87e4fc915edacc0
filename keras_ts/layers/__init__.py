"""Layers that bring a series into a network and its output back, one class a file."""
