"""The server for any program, on top of Python's."""
