"""DATA PLANE: events in, through the core, out to functions."""
