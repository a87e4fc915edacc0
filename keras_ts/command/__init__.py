"""The command ``python -m keras_ts forecast``: from a CSV file to a judged forecast."""
