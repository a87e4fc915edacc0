"""Writes the files of a store: from a source to buckets, sorted series, and a whole folder."""
