"""Cuts series into windows.

From the bottom up:

- ``arithmetic/``: the places of windows, their order, and frequencies.
- ``spec``, ``missing``, ``roles``: the settings, and what follows from them for values and columns.
- ``reading/``: arrays and data frames become a ``FlatSeries``.
- ``split``, ``weights``, ``align``: parts of a split, weights, and predictions by their timestamps.
- ``feeding/``: batches for ``tf.data``, Grain and the workers of a run.
- ``dataset``, ``training_backup``: batches for Keras, and a fit that goes on after it was killed.
- ``windowed_series``, ``compat``: the other classes and functions that people call.
- ``carried``: the settings that a model keeps in its file.
"""
