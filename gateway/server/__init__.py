"""The HTTP edge: ingress and admin."""
