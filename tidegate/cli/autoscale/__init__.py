"""`tidegate autoscale`: how many processes a function has, by what it is asked to do."""
