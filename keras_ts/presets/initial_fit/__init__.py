"""Fits parts of a preset's model to the training part in closed form, before any training."""
