"""Cuts series into windows; CONTRIBUTING.md has the map of these files."""
