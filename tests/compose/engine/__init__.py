"""A Docker of one's own, for tests/compose where there is none."""
