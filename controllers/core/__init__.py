"""What every controller is made of: a queue of keys, workers, and a reconciler per kind."""
