"""Checks if a pipeline looks ahead, and what reloading or exporting a model changes."""
