"""Sweeps the learning rate: rates and curves in NumPy below, Keras's hooks above."""
