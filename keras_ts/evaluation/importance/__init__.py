"""By how much the error grows where a column is shuffled."""
