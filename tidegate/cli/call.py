"""The headers of a call from the command line, as Kubeless sent them. Pure but for the clock."""

from __future__ import annotations

import base64
import json
import os
from datetime import UTC, datetime


def call_headers(payload: str | None) -> dict[str, str]:
    """Return the headers for `payload`; without one the call is a GET and has no content type."""
    headers = {
        "event-id": base64.urlsafe_b64encode(os.urandom(11)).rstrip(b"=").decode(),
        "event-time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "event-namespace": "cli.kubeless.io",
    }
    if payload is not None:
        kind = content_type(payload)
        headers |= {"event-type": kind, "content-type": kind}
    return headers


def content_type(payload: str) -> str:
    """Return JSON for an object or null and form data for all else, as Kubeless did."""
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError):
        return "application/x-www-form-urlencoded"
    if value is None or isinstance(value, dict):
        return "application/json"
    return "application/x-www-form-urlencoded"
