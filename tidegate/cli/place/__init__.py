"""Where a verb works: a running `tidegate up`, or a cluster. The same verbs, the same code."""
