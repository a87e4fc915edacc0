"""Forecasts the values that follow a series."""
