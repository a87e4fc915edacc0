"""The windows on which forecasts are judged."""
