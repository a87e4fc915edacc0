"""The learning-rate sweep: rates and curves in NumPy below, Keras's hooks above."""
