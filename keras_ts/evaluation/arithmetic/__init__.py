"""The arithmetic of judging: metrics, sums, verdicts and margins. NumPy only."""
