"""One file per broker: what it hands over becomes deliveries, settlements become acks."""
