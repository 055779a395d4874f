"""Delivers once more what a trigger has read, and leaves its own position alone."""
