"""The Kinesis source."""

from gateway.sources.kinesis.source import KinesisSource

__all__ = ["KinesisSource"]
