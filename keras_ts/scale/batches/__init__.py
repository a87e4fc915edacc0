"""What a ``BatchForecaster`` is made of."""
