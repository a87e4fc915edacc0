"""Keras's files, with the windows of a model inside: read with suspicion, written whole.

- ``config``: one walk over a saved config.
- ``archive``, ``hdf5``, ``metadata``: the parts of a file.
- ``diagnose``: why a file did not load.
- ``save``, ``load``: what people call.
"""
