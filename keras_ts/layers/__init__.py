"""Layers that stand where course models have Lambdas, one class a file."""
