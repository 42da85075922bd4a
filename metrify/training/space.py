"""What a search may vary: from the marks on a family's fields to Optuna, and back to settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from metrify.models.base import Choice, Model

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

__all__ = ["default_point", "distributions", "facts", "settings_of"]

Point = Mapping[str, float]
"""One point of the space, numbers only: a Choice is the position of its value, whatever the value is."""


def distributions(family: type[Model]) -> dict[str, BaseDistribution]:
    """The space as Optuna knows it; a Span is whole numbers where the field's default is one."""
    return {name: _distribution(mark, family.hyperparameters()[name]) for name, mark in family.space().items()}


def _distribution(mark: Any, default: Any) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(mark, Choice):
        return CategoricalDistribution(range(len(mark.values)))
    if isinstance(default, int):
        return IntDistribution(int(mark.low), int(mark.high), log=mark.log)
    return FloatDistribution(mark.low, mark.high, log=mark.log)


def default_point(family: type[Model]) -> dict[str, float]:
    """Where the family's own defaults are in its space."""
    marks, defaults = family.space(), family.hyperparameters()
    return {
        name: mark.values.index(defaults[name]) if isinstance(mark, Choice) else defaults[name]
        for name, mark in marks.items()
    }


def settings_of(family: type[Model], point: Point) -> dict[str, Any]:
    """Hyperparameters at a point of the space."""
    marks = family.space()
    return {
        name: marks[name].values[int(value)] if isinstance(marks[name], Choice) else value
        for name, value in point.items()
    }


def facts(family: type[Model]) -> dict[str, str]:
    """The space and its defaults as text, to tell one space from another."""
    return {name: f"{mark!r} from {family.hyperparameters()[name]!r}" for name, mark in family.space().items()}
