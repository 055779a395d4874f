"""Tidegate: an event gate for functions. Shared by both planes, and the command."""

__version__ = "0.1.0"
