"""Cron: ticks at the nominal times of a schedule."""

from gateway.sources.cron.source import CronSource

__all__ = ["CronSource"]
