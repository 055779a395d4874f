"""What should be there: pure functions from the objects users write to what is to run."""
