"""Checks of a model: what a reload loses, and whether an exported file computes the same."""
