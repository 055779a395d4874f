"""One file per broker. Turns what a broker hands over into deliveries, and settlements into acks."""
