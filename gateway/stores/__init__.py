"""Where small durable facts are kept: last fired, checkpoints."""
