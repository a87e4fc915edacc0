"""Draws series, forecasts, backtests and training with matplotlib, from arrays or data frames."""
