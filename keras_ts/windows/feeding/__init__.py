"""Batches for Keras, ``tf.data`` and Grain, and the place that a run has reached."""
