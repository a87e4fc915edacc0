"""Reads arrays and data frames into one shape, the ``FlatSeries``."""
