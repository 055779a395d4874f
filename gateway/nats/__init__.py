"""Connections to NATS servers: what the source and the sink of dead letters share."""
