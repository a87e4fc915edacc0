"""Yesterday's forecast beside the rows that came."""
