"""The Python runtime: a front process that speaks HTTP, and workers that run the function."""
