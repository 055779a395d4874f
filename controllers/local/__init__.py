"""The laptop: the same Function objects as local processes."""
