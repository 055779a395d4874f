"""`tidegate migrate`: the way over from Kubeless, read and told, never walked."""
