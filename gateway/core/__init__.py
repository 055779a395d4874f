"""Asyncio and values only: no client library, no HTTP, no Kubernetes."""
