"""Sweeps the learning rate: raises it batch by batch, records the losses, suggests a rate."""
