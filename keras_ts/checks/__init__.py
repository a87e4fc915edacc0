"""Checks if a pipeline looks ahead, and what reloading a model changes."""
