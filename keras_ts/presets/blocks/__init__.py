"""The blocks that a preset's model is wired of; each creates its layers as it is called."""
