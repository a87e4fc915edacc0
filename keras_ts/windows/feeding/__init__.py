"""Feeds batches to Keras, ``tf.data`` and Grain, and keeps track of how far a run has come."""
