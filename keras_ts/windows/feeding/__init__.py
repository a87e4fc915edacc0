"""Feeds batches to Keras, ``tf.data`` and Grain, and keeps the place that a run has reached."""
