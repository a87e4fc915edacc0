"""Writes a forecaster into a file for other programs, with what a server needs to know of it."""
