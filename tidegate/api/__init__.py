"""WHAT USERS WRITE. Typed resources, defaults, validation. Pure: no I/O, no imports of ours."""
