"""Cuts series into windows.

From the bottom up:

- ``arithmetic/``: the places of windows, their order, and frequencies.
- ``spec``, ``missing``, ``roles``: the settings, and what follows from them for values and columns.
- ``reading/``: arrays and data frames become a ``Panel``.
- ``split``, ``weights``, ``align``: parts of a split, weights, and predictions by their timestamps.
- ``pad``: rows of missing values in front of short series.
- ``feeding/``: batches for Keras, ``tf.data`` and Grain.
- ``dataset``, ``windowed_series``, ``compat``: the classes and functions that people call.
- ``training_constants``: what presets normalize by.
- ``carried``: the settings that a model keeps in its file.
"""
