"""CONTROL PLANE: objects in, desired state out."""
