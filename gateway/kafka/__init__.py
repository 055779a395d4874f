"""Logging in to Kafka clusters: what the source and the sink of dead letters share."""
