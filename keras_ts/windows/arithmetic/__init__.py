"""The places of windows and their order: NumPy alone, held by mutation tests."""
