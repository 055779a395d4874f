"""The gateway in a cluster: what to run, where functions are, and which replica runs what."""
