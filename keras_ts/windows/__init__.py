"""Cutting series into windows: NumPy at the bottom, frameworks at the edge.

``index``, ``shuffle``, ``order``, ``gather`` and ``timeline`` are arithmetic and import no
framework; ``series`` and ``frames`` read what people have; ``plan`` says which windows
there are; ``dataset`` and ``adapters`` hand them to Keras and tf.data.
"""
