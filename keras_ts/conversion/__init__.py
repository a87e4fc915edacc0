"""Converts models to stock Keras layers, and opens old files with Lambdas."""
