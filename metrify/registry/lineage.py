"""Where a model comes from: data, code, settings. Kept with every version, so that any answer can be traced."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

__all__ = ["Lineage", "code_version"]

PACKAGE = Path(__file__).resolve().parents[1]
PREFIX = "lineage."


@lru_cache(maxsize=1)
def code_version() -> str:
    """`git:<commit>` of this code, with `+dirty` when files differ from it; outside of git version and hash of sources.

    A checkout counts only if it tracks this package: one that merely holds the virtual environment says nothing.
    """
    if _git("ls-files", "--error-unmatch", "__init__.py") and (commit := _git("rev-parse", "HEAD")):
        return f"git:{commit}{'+dirty' if _git('status', '--porcelain', '--', '.') else ''}"
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        digest.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + path.read_bytes())
    return f"{version('metrify')}+sha256:{digest.hexdigest()[:16]}"


def _git(*arguments: str) -> str:
    """What git says about this package; empty where there is no git or it refuses."""
    try:
        run = subprocess.run(["git", "-C", PACKAGE, *arguments], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return run.stdout.strip()


@dataclass(frozen=True)
class Lineage:
    """Everything that is needed to train the same model again."""

    lake: dict[str, int]
    """version of each lake table that was read"""
    settings: dict[str, Any]
    """the settings of the workspace and of the step, as JSON takes them"""
    first: datetime
    """start of the first interval of training [UTC]"""
    last: datetime
    """start of the last interval of training [UTC]"""
    meters: int
    rows: int
    code: str = field(default_factory=code_version)
    metrify: str = field(default_factory=lambda: version("metrify"))

    def tags(self) -> dict[str, str]:
        """As MLflow tags."""
        return {f"{PREFIX}{item.name}": _text(getattr(self, item.name)) for item in fields(self)}

    @classmethod
    def from_tags(cls, tags: Mapping[str, str]) -> Self | None:
        """Back from MLflow tags; None where a version carries none."""
        found = {name.removeprefix(PREFIX): text for name, text in tags.items() if name.startswith(PREFIX)}
        if set(found) != {item.name for item in fields(cls)}:
            return None
        return cls(
            lake=json.loads(found["lake"]),
            settings=json.loads(found["settings"]),
            first=datetime.fromisoformat(found["first"]),
            last=datetime.fromisoformat(found["last"]),
            meters=int(found["meters"]),
            rows=int(found["rows"]),
            code=found["code"],
            metrify=found["metrify"],
        )


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return json.dumps(value, sort_keys=True) if isinstance(value, dict) else str(value)
