"""Scores in one form: what they mean, how they print, draw and become a card, what a file keeps."""
