"""Pictures: arrays, or frames and the names of their columns, in; matplotlib's axes out."""
