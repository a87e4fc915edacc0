"""The ridge regression of windows: its arithmetic, its fit to windows, and its Keras model."""
