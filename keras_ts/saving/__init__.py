"""Reads Keras's files without trusting them, and writes them whole, with windows inside."""
