"""HTTP/1.1 on httptools: the client and the server of the hot path."""
