"""Makes sure that the stream and the durable consumer of a trigger are there, and as wanted."""

from __future__ import annotations

import logging

from gateway.errors import ConfigError, SourceUnavailable
from gateway.nats.api import (
    CONSUMER_NOT_FOUND,
    STREAM_NOT_FOUND,
    ApiError,
    JetStreamApi,
    Object,
)
from gateway.sources.nats.consumer import (
    check_name,
    check_same_start,
    desired_config,
    drift,
    filters_of,
    resumed_config,
    stream_name_for,
    updated_config,
)
from tidegate.api.subscription import JetStreamConsumer, NatsSubject

logger = logging.getLogger(__name__)


class StreamReplaced(SourceUnavailable):
    """The stream is another than the one read so far: nothing known about it holds."""


class ConsumerBinding:
    """The durable consumer of one trigger, and how far it was settled when last asked.

    `floor` is the server's own, so it speaks for all replicas: a consumer that is deleted under
    us is made anew right above it, and nothing unsettled is skipped.
    """

    def __init__(
        self, name: str, spec: NatsSubject, api: JetStreamApi, version: tuple[int, int]
    ) -> None:
        assert spec.jetstream is not None
        self._name = name
        self._spec = spec
        self._wanted: JetStreamConsumer = spec.jetstream
        self._api = api
        # Older servers keep no metadata, so a resumed consumer would look like another start.
        self._resumes = version >= (2, 10)
        self._desired = desired_config(spec, self._wanted)
        self._created = ""
        self._bound = False
        self.floor = 0
        self.stream = self._wanted.stream
        check_name("durable", self._wanted.durable)
        if self.stream:
            check_name("stream", self.stream)

    async def bind(self) -> Object:
        """Return the consumer's configuration; create or update it first where it must be.

        Raises `ConfigError` for what the trigger or the server's objects must change, and
        `SourceUnavailable` when the server cannot tell or the stream is another than before.
        """
        try:
            stream = await self._found_stream()
            self._check_same_stream(stream)
            answer = await self._aligned(stream)
        except ApiError as error:
            kind = SourceUnavailable if error.passing else ConfigError
            raise kind(f"{self._name}: preparing {self._described}: {error}") from error
        self._bound = True
        self._note(answer)
        config: Object = answer["config"]
        return config

    async def refresh(self) -> int | None:
        """Ask how far the consumer is; return what is pending, None when it is gone."""
        try:
            answer = await self._api.request(f"CONSUMER.INFO.{self._path}")
        except ApiError:
            return None
        self._note(answer)
        return int(answer.get("num_pending", 0))

    @property
    def _path(self) -> str:
        return f"{self.stream}.{self._wanted.durable}"

    @property
    def _described(self) -> str:
        return f"consumer {self._wanted.durable!r} of stream {self.stream or '(by subject)'!r}"

    def _note(self, answer: Object) -> None:
        self.floor = answer.get("ack_floor", {}).get("stream_seq", 0)

    async def _found_stream(self) -> Object:
        """Return the stream's description, creating the stream where the trigger says so."""
        if not self.stream:
            self.stream = await self._stream_by_subject()
        try:
            return await self._api.request(f"STREAM.INFO.{self.stream}")
        except ApiError as error:
            if error.code != STREAM_NOT_FOUND:
                raise
        if self._bound:
            logger.warning("%s: stream %s was deleted", self._name, self.stream)
        return await self._created_stream(self.stream)

    async def _stream_by_subject(self) -> str:
        subject = filters_of(self._spec, self._wanted)[0]
        answer = await self._api.request("STREAM.NAMES", {"subject": subject})
        names = answer.get("streams") or []
        if len(names) > 1:
            raise ConfigError(
                f"{self._name}: subject {subject} is in streams {', '.join(sorted(names))};"
                " name one in jetstream.stream"
            )
        return names[0] if names else stream_name_for(subject)

    async def _created_stream(self, stream: str) -> Object:
        subjects = list(filters_of(self._spec, self._wanted))
        if not self._wanted.create_stream:
            raise ConfigError(
                f"{self._name}: no JetStream stream {self._wanted.stream or 'holds'}"
                f" {'with' if self._wanted.stream else 'the'} subject {', '.join(subjects)};"
                " create one, correct jetstream.stream, or set jetstream.createStream: true"
            )
        config = {
            "name": stream,
            "subjects": subjects,
            "storage": "file",
            "retention": "limits",
            "discard": "old",
            "num_replicas": 1,
        }
        logger.info("%s: creating stream %s for %s", self._name, stream, ", ".join(subjects))
        return await self._api.request(f"STREAM.CREATE.{stream}", config)

    def _check_same_stream(self, stream: Object) -> None:
        created = stream.get("created", "")
        if self._bound and created != self._created:
            raise StreamReplaced(
                f"{self._name}: stream {self.stream} was deleted and made anew; starting over"
            )
        self._created = created

    async def _aligned(self, stream: Object) -> Object:
        try:
            answer = await self._api.request(f"CONSUMER.INFO.{self._path}")
        except ApiError as error:
            if error.code != CONSUMER_NOT_FOUND:
                raise
            return await self._created_consumer(stream)
        existing = answer["config"]
        check_same_start(existing, self._desired, self._wanted)
        differing = drift(existing, self._desired)
        if not differing:
            return answer
        logger.warning(
            "%s: consumer %s differs from the trigger in %s; updating it",
            self._name,
            self._path,
            ", ".join(differing),
        )
        return await self._written(updated_config(existing, self._desired), "update")

    async def _created_consumer(self, stream: Object) -> Object:
        if not self._bound:
            logger.info("%s: creating consumer %s", self._name, self._path)
            return await self._written(self._desired, "create")
        config = self._desired
        # A work queue has what is unsettled and nothing else, and allows no other start.
        if self._resumes and stream["config"].get("retention") != "workqueue":
            config = resumed_config(config, self.floor)
        logger.warning(
            "%s: consumer %s was deleted; making it anew after sequence %d",
            self._name,
            self._path,
            self.floor,
        )
        return await self._written(config, "create")

    async def _written(self, config: Object, action: str) -> Object:
        subject = f"CONSUMER.CREATE.{self._path}"
        if config.get("filter_subject"):
            subject = f"{subject}.{config['filter_subject']}"
        body = {"stream_name": self.stream, "config": config, "action": action}
        answer = await self._api.request(subject, body)
        if config.get("filter_subjects") and not answer["config"].get("filter_subjects"):
            raise ConfigError(
                f"{self._name}: this server ignores jetstream.filterSubjects;"
                " use nats-server 2.10 or later, or one subject"
            )
        return answer
