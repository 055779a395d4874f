"""The command on a cluster: install what it needs, and check what it has."""
