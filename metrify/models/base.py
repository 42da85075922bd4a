"""The contract of every model family: what it needs, what it may look at, what it answers."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, get_args, get_origin, get_type_hints

import pandas as pd

from metrify.errors import BadValue, UnknownKeys
from metrify.panel import Panel
from metrify.schema import Table

__all__ = ["Batch", "Choice", "Model", "Needs", "Report", "Space", "Span"]

Report = Callable[[int, dict[str, float]], None]
"""report(step, metrics): a plain callback, so that a search can watch and stop early."""


@dataclass(frozen=True)
class Batch:
    """All that a family may look at."""

    rows: pd.DataFrame
    """one row per answer, with the features known at its issue time; in training with `target` too"""
    history: Panel | None = None
    """the target of these meters up to the issue time, for families that look at sequences"""
    meters: pd.DataFrame | None = None
    """static attributes, METER columns"""


@dataclass(frozen=True)
class Needs:
    """What a family wants to be given."""

    frame: Literal["forecast", "reading", "day", "asset", "gap", "table"]
    features: tuple[str, ...] = ()
    """columns of Batch.rows that it reads"""
    lookback_days: int = 35
    """how much history its features reach back"""
    scope: Literal["fleet", "meter"] = "fleet"


@dataclass(frozen=True)
class Span:
    """A hyperparameter that Tune may vary from `low` to `high`, both included."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Choice:
    """A hyperparameter that Tune may choose from `values`."""

    values: tuple[Any, ...]


Space = dict[str, Span | Choice]


@lru_cache(maxsize=64)
def _annotations(family: type[Model]) -> dict[str, Any]:
    return get_type_hints(family, include_extras=True)


@dataclass
class Model(ABC):
    """A family is one dataclass: its fields are its hyperparameters, those marked with Span or Choice are searched."""

    family: ClassVar[str]
    """its name in the catalogue, such as forecasting/lightgbm"""
    produces: ClassVar[Table]
    needs: ClassVar[Needs]

    @classmethod
    def hyperparameters(cls) -> dict[str, Any]:
        """Every hyperparameter with its default."""
        return {f.name: f.default if f.default is not MISSING else None for f in fields(cls) if f.init}

    @classmethod
    def space(cls) -> Space:
        """The hyperparameters that a search may vary, from the marks on the fields."""
        marks: Space = {}
        for name in cls.hyperparameters():
            hint = _annotations(cls)[name]
            for mark in get_args(hint)[1:] if get_origin(hint) is Annotated else ():
                if isinstance(mark, (Span, Choice)):
                    marks[name] = mark
        return marks

    @classmethod
    def configured(cls, settings: dict[str, Any]) -> Self:
        """The family with these hyperparameters. Raises UnknownKeys for a misspelt one, BadValue for a wrong value.

        A Span is what a search may vary, not a limit: a number outside of it is taken.
        """
        unknown = set(settings) - set(cls.hyperparameters())
        if unknown:
            raise UnknownKeys(cls.family, unknown, cls.hyperparameters())
        space, defaults = cls.space(), cls.hyperparameters()
        for name, value in settings.items():
            _check(f"{cls.family}: {name}", value, defaults[name], space.get(name))
        return cls(**settings)

    @property
    def settings(self) -> dict[str, Any]:
        """The hyperparameters that this model was made with."""
        return {name: getattr(self, name) for name in self.hyperparameters()}

    @abstractmethod
    def fit(
        self, train: Batch, valid: Batch | None = None, *, report: Report | None = None, resume: Path | None = None
    ) -> Self:
        """Learn from `train`; tell progress on `valid` to `report`; continue from the saved model at `resume`."""

    @abstractmethod
    def predict(self, batch: Batch) -> pd.DataFrame:
        """Columns of `produces`, one row per row of `batch.rows`, in its order and with its index."""

    @abstractmethod
    def save_state(self, folder: Path) -> None:
        """Write what was learned into `folder`."""

    @abstractmethod
    def load_state(self, folder: Path) -> None:
        """Read what was learned from `folder`."""

    def save(self, folder: Path) -> None:
        """Write hyperparameters and what was learned; `load` gives an equal model."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "family.json").write_text(json.dumps({"family": self.family, "settings": self.settings}, indent=1))
        self.save_state(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The model that `save` wrote."""
        model = cls.configured(json.loads((folder / "family.json").read_text())["settings"])
        model.load_state(folder)
        return model


def _check(field: str, value: Any, default: Any, mark: Span | Choice | None) -> None:
    """Raise BadValue for a value of another kind than the default's, or outside of a Choice."""
    if isinstance(mark, Choice) and value not in mark.values:
        raise BadValue(field, f"one of {', '.join(map(str, mark.values))}", value)
    kind = (int, float) if isinstance(default, float) else type(default)
    if isinstance(value, bool) != isinstance(default, bool) or not isinstance(value, kind):
        raise BadValue(field, f"a value such as {default!r}", value)
