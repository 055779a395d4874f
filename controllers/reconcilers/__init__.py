"""One reconciler a kind: reads everything, applies everything, tells the object's status."""
