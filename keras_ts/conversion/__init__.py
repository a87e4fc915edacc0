"""Converts models to stock layers alone, and opens old files with Lambdas."""
