"""The blocks that a preset's model is wired of.

A block is made from the requirements, which decide what it consists of. It is then called with
tensors, as a Keras layer is, and creates its layers in that call.
"""
