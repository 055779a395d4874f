"""WHAT RUNS IN A FUNCTION POD. Servers here stand alone and import nothing of ours."""
