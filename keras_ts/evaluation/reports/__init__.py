"""What reports share: text, frames, scores of rows, and scorecards."""
