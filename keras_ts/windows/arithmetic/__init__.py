"""Index and date arithmetic of windows: only NumPy, guarded by mutation tests."""
