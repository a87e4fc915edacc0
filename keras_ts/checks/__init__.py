"""Checks what a reload of a model loses, and if an exported file computes the same."""
