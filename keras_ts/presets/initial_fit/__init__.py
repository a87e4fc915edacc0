"""Fits parts of a preset's model to the training part in closed form, before any training.

They take the parts that ``wire`` returned, and change their weights.
"""
