"""The command ``python -m keras_ts forecast``: from anyone's CSV file to a judged forecast."""
