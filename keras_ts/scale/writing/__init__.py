"""Writes the files of a store: copies a source to Parquet, sorts its rows, and stores arrays."""
