"""Whatever forecasts: baselines, functions, models and tables, in one form."""
