"""Every exception that Metrify raises on purpose. Each takes facts and builds the sentence: wanted, found, what to do.

MetrifyError
├── InputError               something that a person handed in
│   ├── UnreadableFile
│   ├── BadMapping
│   ├── MissingColumns
│   ├── UnknownName          a table, family, feature or verb that does not exist
│   ├── UnknownKeys          a misspelt setting, hyperparameter or request field
│   ├── BadValue
│   └── MalformedJson        a request body that is no strict JSON
├── NoData                   the lake lacks what the step needs
│   ├── EmptyTable
│   ├── UnknownMeter
│   ├── UnknownAsset
│   ├── TooLittle            rows, but not enough of them
│   ├── OneClass             nothing to tell apart: no failure, or nothing but failures
│   └── NotEnoughHistory
├── LakeConflict             other writers kept winning
├── RegistryError            MLflow does not hold, or does not answer
│   └── NoSuchModel
├── ClusterError             Ray did not start or answer
├── SearchFailed             no trial of a search came through
├── PipelineBusy             another pipeline works on the workspace
├── StepFailed               a step of a pipeline ended without an answer
└── ServiceFailed            a service of `metrify up` did not come up
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

__all__ = [
    "BadMapping",
    "BadValue",
    "ClusterError",
    "EmptyTable",
    "InputError",
    "LakeConflict",
    "MalformedJson",
    "MetrifyError",
    "MissingColumns",
    "NoData",
    "NoSuchModel",
    "NotEnoughHistory",
    "OneClass",
    "PipelineBusy",
    "RegistryError",
    "SearchFailed",
    "ServiceFailed",
    "StepFailed",
    "TooLittle",
    "UnknownAsset",
    "UnknownKeys",
    "UnknownMeter",
    "UnknownName",
    "UnreadableFile",
]


def _names(names: Iterable[object], most: int = 12) -> str:
    """Names as a person reads them: the first few, then how many more."""
    listed = [str(name) for name in names]
    shown = ", ".join(listed[:most]) or "none"
    return shown if len(listed) <= most else f"{shown} and {len(listed) - most} more"


def _nearest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean {close[0]}?" if close else ""


class MetrifyError(Exception):
    """The root: catch it to catch everything that Metrify raises on purpose."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave a worker process as the finished sentence; Python would call __init__ with it in place of the facts."""
        return _revived, (type(self), self.args, self.__dict__)


def _revived(kind: type[MetrifyError], args: tuple[Any, ...], facts: dict[str, Any]) -> MetrifyError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(facts)
    return error


class InputError(MetrifyError):
    """Something that a person handed in cannot be used."""


class UnreadableFile(InputError):
    def __init__(
        self, path: Path | str, wanted: str, why: object, fix: str = "Check the path and that the file is complete."
    ):
        self.path = Path(path)
        super().__init__(f"Cannot read {path} as {wanted}: {why}. {fix}")


class BadMapping(InputError):
    def __init__(self, mapping: Path | str, problem: str, fix: str):
        super().__init__(f"Mapping {mapping}: {problem}. {fix}")


class MissingColumns(InputError):
    def __init__(self, missing: Iterable[str], available: Iterable[str], where: str):
        self.missing = list(missing)
        self.available = list(available)
        super().__init__(
            f"Missing columns in {where}: {_names(self.missing)}. Available columns: {_names(self.available, 40)}. "
            "Name existing columns in the mapping, or add them to the data."
        )


class UnknownName(InputError):
    def __init__(self, kind: str, name: str, known: Iterable[str]):
        self.name = name
        known = sorted(known)
        super().__init__(f"There is no {kind} {name!r}.{_nearest(name, known)} Known: {_names(known, 40)}.")


class UnknownKeys(InputError):
    def __init__(self, where: str, unknown: Iterable[str], known: Iterable[str]):
        self.unknown = sorted(unknown)
        known = sorted(known)
        hints = "".join(_nearest(name, known) for name in self.unknown)
        super().__init__(f"{where} does not know {_names(self.unknown)}.{hints} Known: {_names(known, 40)}.")


class BadValue(InputError):
    def __init__(self, field: str, wanted: str, found: object):
        self.field = field
        super().__init__(f"{field}: wanted {wanted}, found {found!r}.")


class MalformedJson(InputError):
    def __init__(self, why: object):
        super().__init__(f"The body is no strict JSON: {why}. Send UTF-8 JSON with each key once and finite numbers.")


class NoData(MetrifyError):
    """The lake lacks what the step needs."""


class EmptyTable(NoData):
    def __init__(self, table: str, how: str):
        super().__init__(f"The table {table} holds no rows for this. {how}")


class UnknownMeter(NoData):
    def __init__(self, meter_ids: Iterable[str], known: int):
        self.meter_ids = list(meter_ids)
        super().__init__(
            f"Unknown meter: {_names(self.meter_ids)}. The lake holds {known} meters; "
            "ingest its readings first, or send its history with the request."
        )


class UnknownAsset(NoData):
    def __init__(self, asset_ids: Iterable[str], known: int):
        self.asset_ids = list(asset_ids)
        super().__init__(
            f"Unknown asset: {_names(self.asset_ids)}. The lake holds {known} assets; ingest it with "
            "`metrify ingest assets FILE --mapping MAPPING` first, or send its attributes with the request."
        )


class TooLittle(NoData):
    def __init__(self, step: str, wanted: str, found: str):
        super().__init__(
            f"Too little data for {step}: wanted {wanted}, found {found}. Ingest more, or choose other dates."
        )


class OneClass(NoData):
    def __init__(self, family: str, found: str, how: str):
        super().__init__(f"{family} learns to tell two kinds of rows apart, but found only one: {found}. {how}")


class NotEnoughHistory(NoData):
    def __init__(self, meter_id: str, found: str, wanted: str, fallback: str):
        self.meter_id = meter_id
        self.fallback = fallback
        super().__init__(
            f"Meter {meter_id} has {found}; the model wants {wanted}. Allow the fallback ({fallback}) to get an answer."
        )


class LakeConflict(MetrifyError):
    def __init__(self, table: str, tries: int):
        super().__init__(
            f"Other writers changed {table} during each of {tries} tries; nothing was written. Run the step again."
        )


class RegistryError(MetrifyError):
    """MLflow does not hold what was asked for, or does not answer."""


class NoSuchModel(RegistryError):
    def __init__(self, name: str, alias: str, known: Iterable[str]):
        super().__init__(
            f"The registry holds no {name}@{alias}. Known: {_names(sorted(known))}. "
            f"Train and register one with `metrify train {name}`."
        )


class ClusterError(MetrifyError):
    """Ray did not start, or did not answer."""


class SearchFailed(MetrifyError):
    def __init__(self, family: str, trials: int, cause: str, folder: Path | str):
        super().__init__(
            f"All {trials} trials of the search of {family} failed, the first with: {cause}. "
            f"Mend the cause and search with --fresh (in Python resume=False); the trials are in {folder}."
        )


class PipelineBusy(MetrifyError):
    def __init__(self, home: Path | str, holder: str):
        super().__init__(
            f"Another pipeline works on workspace {home}: {holder or 'it has not said which'}. "
            "Wait until it has ended, or end it (`ray job stop` for a job); nothing was started."
        )


class StepFailed(MetrifyError):
    def __init__(self, step: str, code: int):
        ended = f"was killed by signal {-code}" if code < 0 else f"ended with code {code} and no answer"
        often = " (often for lack of memory)" if code == -9 else ""
        super().__init__(
            f"The step `{step}` {ended}{often}. What it said last is above; mend the cause and run the pipeline again: "
            "the steps before it stay done."
        )


class ServiceFailed(MetrifyError):
    def __init__(self, service: str, why: object, log: Path | str):
        self.service = service
        super().__init__(f"{service} did not come up: {why}. Its log is {log}; `metrify down` clears what is left.")
