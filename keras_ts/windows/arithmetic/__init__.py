"""Where windows lie and in which order they come: NumPy alone, held by mutation tests."""
