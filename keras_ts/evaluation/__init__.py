"""Judging: baselines, a comparison with a verdict, and backtests."""
