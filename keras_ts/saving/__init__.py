"""Reads Keras's files without trusting them, and writes them with windows and scores inside."""
