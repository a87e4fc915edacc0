"""Forecasting from a trained model, and series to try it on."""
