"""Cuts series into windows.

From the bottom up:

- ``arithmetic/``: the places of windows and their order.
- ``spec``: the settings.
- ``reading/``: arrays and data frames become a ``Panel``.
- ``split``, ``weights``, ``align``: parts of a split, weights, and predictions on their places.
- ``pad``: rows of missing values in front of short series.
- ``feeding/``: batches for Keras, ``tf.data`` and Grain.
- ``dataset``, ``windowed_series``, ``compat``: the classes and functions that people call.
- ``carried``, ``windowed_input``: the layer by which a model takes its windows along.
"""
