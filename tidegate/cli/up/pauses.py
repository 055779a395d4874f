"""Which triggers were paused or resumed by a verb, beside what their files say."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tidegate.api.kinds import Trigger
from tidegate.api.metadata import Resource

FILE: Final = "paused.json"


class Pauses:
    """Answers by "Kind namespace/name", kept in a file of the state folder."""

    def __init__(self, state: Path) -> None:
        self._file = state / FILE
        self._said: dict[str, bool] = {}

    def read(self) -> None:
        """Take up what the file says. Blocks."""
        try:
            loaded = json.loads(self._file.read_text())
        except (OSError, ValueError):
            loaded = {}
        known = loaded.items() if isinstance(loaded, dict) else ()
        self._said = {name: said for name, said in known if isinstance(said, bool)}

    def say(self, name: str, paused: bool) -> None:
        """Keep what a verb said of one trigger. Blocks."""
        self._write({**self._said, name: paused})

    def forget(self, name: str) -> None:
        """Keep nothing of one trigger. Blocks."""
        if name in self._said:
            self._write({one: said for one, said in self._said.items() if one != name})

    def applied(self, resources: Iterable[Resource]) -> tuple[Resource, ...]:
        """Return `resources` as the verbs want them paused."""
        return tuple(self._applied(one) for one in resources)

    def _applied(self, resource: Resource) -> Resource:
        said = self._said.get(str(resource))
        if said is None or not isinstance(resource, Trigger) or resource.spec.paused == said:
            return resource
        spec = resource.spec.model_copy(update={"paused": said})
        return resource.model_copy(update={"spec": spec})

    def _write(self, said: dict[str, bool]) -> None:
        part = self._file.with_suffix(".part")
        part.write_text(json.dumps(said))
        os.replace(part, self._file)
        self._said = said
