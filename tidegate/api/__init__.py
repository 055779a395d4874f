"""WHAT USERS WRITE. Typed resources, defaults, validation. Pure: no I/O, imports nothing of ours."""
