"""The learning-rate sweep: rates and rules in NumPy, apart from the Keras hooks."""
