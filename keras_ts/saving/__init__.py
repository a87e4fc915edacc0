"""Reads Keras's files without trusting them, and writes them whole, with a model's windows inside.

- ``config``: one walk over a saved config.
- ``archive``, ``hdf5``: the parts of a file.
- ``diagnose``: the reason why a file did not load.
- ``save``, ``load``, ``scorecard``: the public functions.
"""
