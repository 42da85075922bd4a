"""JSON as RFC 8259 means it: UTF-8, each key once, not nested without end. Python's parser alone takes far more."""

from __future__ import annotations

import json
from typing import Any

from metrify.errors import MalformedJson

__all__ = ["parse"]

DEEPEST = 32
"""Levels of nesting that are taken; the requests need 4."""


def parse(body: bytes) -> Any:
    """The value that `body` holds. NaN and infinities come through as floats, so that their field can be named.

    Raises MalformedJson.
    """
    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=_unique)
    except RecursionError:
        raise MalformedJson(f"it is nested deeper than {DEEPEST} levels") from None
    except json.JSONDecodeError as error:
        raise MalformedJson(f"{error.msg} in line {error.lineno}, column {error.colno}") from None
    except ValueError as error:  # bytes that are no UTF-8, a number of thousands of digits
        raise MalformedJson(str(error).split(";")[0]) from None
    _check_depth(value)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise MalformedJson(f"the key {twice[:60]!r} appears twice in one object")
    return found


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _containers(outer)]
        if not level:
            return
    raise MalformedJson(f"it is nested deeper than {DEEPEST} levels")


def _containers(outer: Any) -> list[Any]:
    inside = outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ()
    return [inner for inner in inside if isinstance(inner, (dict, list))]
