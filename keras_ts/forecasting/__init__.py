"""Forecasts that go on from the end of a series."""
