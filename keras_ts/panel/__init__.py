"""A table becomes a ``Panel``: series, their times, one frequency, and what each column is for."""
