"""From when to when equipment is in service, as it was known at a moment, and what came of it within a horizon."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrify.features.equipment import DAY, Equipment, Times

__all__ = ["Ends", "standing", "target"]

_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Ends:
    """How the service of each asset ended, as known at a moment; each datetime64[s] of shape [N], NaT: it did not.

    An asset serves until its first failure, replacement or retirement, whichever comes first: equipment that is
    repaired and put back is a new asset, or has a later `installed_on`.
    """

    failed: Times
    replaced: Times
    retired: Times

    @classmethod
    def known(cls, equipment: Equipment, moment: np.datetime64) -> Ends:
        """From events that were known at `moment`; a retirement is known on its day."""
        retired = equipment.assets["retired_on"].to_numpy()
        return cls(
            _first(equipment, "failure", moment, np.timedelta64(0, "s")),
            _first(equipment, "replacement", moment, DAY),  # on the day of its installation it is what replaced
            np.where(retired <= moment, retired, np.datetime64("NaT", "s")),
        )

    @property
    def first(self) -> Times:
        """The earliest end of any kind."""
        return np.fmin(np.fmin(self.failed, self.replaced), self.retired)


def _first(equipment: Equipment, kind: str, moment: np.datetime64, after: np.timedelta64) -> Times:
    """The first event of this kind of each asset since `after` its installation."""
    events = equipment.events[(equipment.events["kind"] == kind) & (equipment.events["known_at"] <= moment)]
    asset, times = events["asset"].to_numpy(), events["timestamp"].to_numpy()
    late = times >= equipment.assets["installed_on"].to_numpy()[asset] + after
    found = np.full(len(equipment.assets), _NEVER)
    np.minimum.at(found, asset[late], times[late].astype(np.int64))
    return np.where(found == _NEVER, np.datetime64("NaT", "s"), found.astype("datetime64[s]"))


def standing(equipment: Equipment, moment: np.datetime64, ends: Ends) -> NDArray[np.object_]:
    """Why each asset is not in service at `moment`, in words; "" where it is. `ends` as known at `moment`."""
    installed = equipment.assets["installed_on"].to_numpy()
    words = np.full(len(installed), "", object)
    for verb, times in (("retired", ends.retired), ("replaced", ends.replaced), ("failed", ends.failed)):
        over = times == ends.first
        words[over] = [f"{verb} on {day}" for day in _days(times[over])]
    later = installed > moment
    words[later] = [f"not installed before {day}" for day in _days(installed[later])]
    words[np.isnat(installed)] = "no install date"
    return words


def target(moment: np.datetime64, horizon_days: int, known: Ends, until: np.datetime64) -> NDArray[np.float32]:
    """1 failed within the horizon after `moment`, 0 survived all of it, NaN unknown; float32 of shape [N].

    `known` is what was known at `until`. Unknown is what a horizon beyond `until` will bring, what became of equipment
    that was taken out of service without a failure, and what had failed by `moment` while nobody knew it.
    """
    end = moment + horizon_days * DAY
    if not end <= until:
        return np.full(len(known.failed), np.nan, np.float32)
    removed = np.fmin(known.replaced, known.retired) <= end
    survived = np.where(removed | (known.failed <= moment), np.nan, 0.0)
    return np.where((known.failed > moment) & (known.failed <= end), 1.0, survived).astype(np.float32)


def _days(times: Times) -> NDArray[np.datetime64]:
    return times.astype("datetime64[D]")
