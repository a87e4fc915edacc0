"""Cutting series into windows, from the bottom up.

- ``arithmetic/``: the places of windows and their order.
- ``spec``: the settings.
- ``reading/``: arrays and data frames become a ``Panel``.
- ``split``, ``weights``, ``align``: windows kept and parted, weighed, put back on their places.
- ``feeding/``: batches for Keras, ``tf.data`` and Grain.
- ``dataset``, ``windowed_series``, ``compat``: what people call.
"""
