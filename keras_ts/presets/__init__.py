"""Describes recurrent forecasters and how to train them, and names some."""
