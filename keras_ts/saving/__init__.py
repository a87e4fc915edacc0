"""Reads Keras's files without trusting them, and writes them whole, windows inside.

- ``config``: one walk over a saved config.
- ``archive``, ``hdf5``, ``metadata``: the parts of a file.
- ``diagnose``: the reason that a file did not load.
- ``save``, ``load``: the functions that people call.
"""
