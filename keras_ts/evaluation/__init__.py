"""Evaluates forecasts: baselines, a comparison with a verdict, backtests, and calibration."""
