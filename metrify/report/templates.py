"""Pages from templates: one HTML file each, with the one style sheet and the one palette."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from metrify.report import words
from metrify.report.palette import variables

__all__ = ["fill"]

_HERE = Path(__file__).parent


def fill(template: str, content: dict[str, Any], *, styles: tuple[str, ...] = ()) -> str:
    """The page of that template; `styles` are style sheets beyond report.css. All text from outside is escaped."""
    filters = {name: getattr(words, name) for name in words.__all__ if name not in {"MISSING", "period", "stretch"}}
    world = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    world.filters.update(filters, coded=_coded)
    sheets = [(_HERE / name).read_text(encoding="utf-8") for name in ("report.css", *styles)]
    return world.get_template(template).render(
        css=Markup("".join(sheets)),
        light=Markup(variables(0)),
        dark=Markup(variables(1)),
        missing=words.MISSING,
        period=words.period,
        **content,
    )


def _coded(text: str) -> Markup:
    """Text in which what stands between backticks is a command."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))
