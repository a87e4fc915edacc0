"""What people have, arrays and data frames, read into one shape: the panel."""
