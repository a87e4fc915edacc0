"""Backtests: a fresh model for each fold, judged on the rows after it."""
