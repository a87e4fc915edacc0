"""Metrics, the reports that print them, model cards, and the checks of a saved scorecard."""
