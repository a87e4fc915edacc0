"""Arrays and data frames, read into one shape: the panel."""
