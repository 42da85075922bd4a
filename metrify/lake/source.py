"""What a mapping can say of one column, of the cells of a wide file, and of a file with a row a value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Strict

__all__ = ["STRICT", "Channels", "Number", "Source", "Text", "Whole", "Wide"]

STRICT = ConfigDict(extra="forbid")
Text = Annotated[str, Strict()]
Number = Annotated[float, Strict()]
Whole = Annotated[int, Strict()]


@dataclass(frozen=True)
class Source:
    """A column of the source, its unit (none: the schema's), and a factor that is applied first."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    column: Text
    unit: Text = ""
    scale: Number = 1.0
    obis: Text = ""


@dataclass(frozen=True)
class Channels:
    """Where a file with a row a value says of which channel each is."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    code: Text
    value: Text
    unit: Text = ""
    skip: list[Text] = field(default_factory=list)


@dataclass(frozen=True)
class Wide:
    """What the cells of a wide file are; no `columns` means all that the mapping does not name otherwise."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    target: Text
    unit: Text = ""
    scale: Number = 1.0
    columns: list[Text] = field(default_factory=list)
