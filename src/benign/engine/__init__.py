"""The engine: runs a recipe's stages on a model, owns the loop, the clock, the disk and the device."""
