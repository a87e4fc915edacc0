"""Forecasts from the end of a series on."""
