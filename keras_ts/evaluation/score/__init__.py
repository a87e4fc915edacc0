"""Judges earlier forecasts, and moves intervals, by the rows that came since."""
