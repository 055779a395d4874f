"""NATS, core and JetStream."""

from gateway.sources.nats.source import NatsSource

__all__ = ["NatsSource"]
