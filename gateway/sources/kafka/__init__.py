"""Kafka topics, read through a consumer group."""

from gateway.sources.kafka.source import KafkaSource

__all__ = ["KafkaSource"]
