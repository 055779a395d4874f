"""Dead letters where they are kept: in files and in JetStream streams."""
