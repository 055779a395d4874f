"""`tidegate trigger`: make triggers, change them, and see what they do."""
