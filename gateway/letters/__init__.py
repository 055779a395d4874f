"""Dead letters where they are kept: in files, JetStream streams and Kafka topics."""
