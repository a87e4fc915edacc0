"""Recurrent forecasters: the description of a model, how to train it, and the named ones."""
