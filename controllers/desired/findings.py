"""What is found wrong on the way to a function's objects."""

from __future__ import annotations

from dataclasses import dataclass, field

from controllers.desired.code import FunctionInvalid


@dataclass(slots=True)
class Findings:
    """Collects sentences about one object: mistakes keep it from running, warnings do not."""

    title: str
    mistakes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def refuse(self, place: str, message: str, fix: str) -> None:
        """Note a mistake in the field at `place`, and what to write instead."""
        self.mistakes.append(f"{self.title}: {place} {message}; {fix}")

    def warn(self, place: str, message: str, fix: str) -> None:
        """Note what works, but not as its author may think."""
        self.warnings.append(f"{self.title}: {place} {message}; {fix}")

    def settle(self) -> tuple[str, ...]:
        """Return the warnings; raises FunctionInvalid with every mistake when there is one."""
        if self.mistakes:
            raise FunctionInvalid(*self.mistakes)
        return tuple(self.warnings)
