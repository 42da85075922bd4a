"""How configs name the model that shall answer: champion, family@alias or family:version."""

from __future__ import annotations

import re
from dataclasses import dataclass

from metrify.errors import BadValue

__all__ = ["Wanted"]

FORMS = re.compile(r"champion|(?P<family>[^@:]+)[@:](?P<version>\w+)", re.ASCII)


@dataclass(frozen=True)
class Wanted:
    """A model to be looked for in the registry. `str()` is what people read where no version is loaded yet."""

    task: str
    family: str | None = None
    """None: the family that leads the task"""
    version: str = "champion"
    """alias or number"""

    @classmethod
    def parse(cls, task: str, text: str) -> Wanted:
        """Raises BadValue for what is in none of the forms, or is a family of another task."""
        found = FORMS.fullmatch(text)
        if not found:
            raise BadValue(f"models.{task}", "champion, family@alias or family:version", text)
        family = found["family"]
        if family and not family.startswith(f"{task}/"):
            raise BadValue(f"models.{task}", f"a family of {task}, such as {task}/NAME@champion", text)
        return cls(task, family, found["version"] or "champion")

    @property
    def suffix(self) -> str:
        """What sets a deployment apart from others of its task: empty for the champion, -zscore, -zscore-7."""
        family = f"-{self.family.partition('/')[2]}" if self.family else ""
        return family if self.version == "champion" else f"{family}-{self.version}"

    def __str__(self) -> str:
        return f"{self.family or self.task}{':' if self.version.isdigit() else '@'}{self.version}"
