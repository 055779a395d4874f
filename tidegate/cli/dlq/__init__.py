"""`tidegate dlq`: see events that could not be delivered, and try them again."""
