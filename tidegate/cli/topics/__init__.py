"""`tidegate topic`: the topics of Kafka, by the gateways of a place or straight at the brokers."""
