"""Servers that stand in for what the gateway talks to."""
