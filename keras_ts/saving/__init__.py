"""Saving and loading, with nothing lost that goes with a model."""
