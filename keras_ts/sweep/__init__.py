"""Sweeps the learning rate: raises it batch by batch, records the losses, suggests a rate.

Rates, curves and suggestions are NumPy alone; Keras's callbacks stand on top of them.
"""
