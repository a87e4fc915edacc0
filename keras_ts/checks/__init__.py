"""Checks models before they are relied on: for looks ahead, and what a reload or export changes."""
