"""The fourth rung: how meters of the same class use energy over the day, at the meter's own level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from metrify.localdays import DAY_TYPES, DaySlots
from metrify.localtime import Calendar
from metrify.panel import Panel
from metrify.vee.ladder.segments import Floats, Segments

__all__ = ["ClassProfiles", "class_profiles", "of_the_class"]


@dataclass(frozen=True)
class ClassProfiles:
    """Normalised mean load profiles, C of them."""

    shapes: NDArray[np.float32]
    """the class's mean by day type and local slot, in multiples of a meter's mean size, [C, 4, S]; NaN: not known"""
    member: NDArray[np.int64]
    """which profile is that of each meter of the panel, [M]"""


def class_profiles(
    trusted: Panel,
    calendar: Calendar,
    classes: ArrayLike | None = None,
    signed: NDArray[np.bool_] | None = None,
) -> ClassProfiles:
    """The profiles of a panel's own meters.

    `classes` [M] are labels such as METER's customer_class or tariff_id; without them all meters are one class. Meters
    that may be below zero (`signed` [M]) have profiles of their own. A day type without readings has the profile of
    Sundays, or of all days.
    """
    count = len(trusted.meter_ids)
    labels = np.zeros(count, str) if classes is None else np.asarray(classes).astype(str)
    sign = np.zeros(count, bool) if signed is None else signed
    _, member = np.unique(np.char.add(labels, np.where(sign, "\0-", "\0")), return_inverse=True)
    days = DaySlots.of(trusted, calendar)
    values = np.ascontiguousarray(trusted.values, np.float32)
    shapes = np.full((int(member.max(initial=-1)) + 1, len(DAY_TYPES), days.at.shape[1]), np.nan)
    _normalised(values, member, days.kind[days.day], days.slot, shapes)
    return ClassProfiles(_whole(shapes).astype(np.float32), member.astype(np.int64))


def of_the_class(values: Floats, segments: Segments, days: DaySlots, profiles: ClassProfiles, within: int) -> Floats:
    """The class's profile times the meter's level in the `within` days before and after a hole.

    Where fewer than a day's readings are known there, the level is that of all its readings; NaN: they are fewer, too.
    """
    out = np.full(segments.offset[-1], np.nan, np.float32)
    clock = days.kind[days.day], days.slot
    _fit(values, segments.arrays, clock, (profiles.shapes, profiles.member), within * days.at.shape[1], out)
    return out


def _whole(shapes: NDArray[np.float64]) -> NDArray[np.float64]:
    """What is not known of a day type, from Sundays, then from the mean of the known types."""
    known = np.isfinite(shapes)
    mean = np.where(known, shapes, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    mean[~known.any(axis=1)] = np.nan
    shapes = np.where(known, shapes, shapes[:, 2:3])
    return np.where(np.isfinite(shapes), shapes, mean[:, None])


@njit(cache=True)
def _normalised(values, member, kind, slot, shapes):  # pragma: no cover - compiled
    """Each meter's mean by type and slot over its mean size, averaged over the meters of a class."""
    weight = np.zeros(shapes.shape)
    total = np.zeros(shapes.shape)
    own, count = np.empty(shapes.shape[1:]), np.empty(shapes.shape[1:])
    for m in range(values.shape[0]):
        own[:], count[:], size, known = 0, 0, 0.0, 0
        for t in range(values.shape[1]):
            value = np.float64(values[m, t])
            if np.isfinite(value):
                own[kind[t], slot[t]] += value
                count[kind[t], slot[t]] += 1
                size += abs(value)
                known += 1
        if size == 0:
            continue
        for k in range(own.shape[0]):
            for s in range(own.shape[1]):
                if count[k, s]:
                    total[member[m], k, s] += own[k, s] / count[k, s] / (size / known)
                    weight[member[m], k, s] += 1
    for index in np.ndindex(shapes.shape):
        if weight[index]:
            shapes[index] = total[index] / weight[index]


@njit(cache=True)
def _fit(values, segments, clock, profiles, reach, out):  # pragma: no cover - compiled
    row, first, until, hole_first, hole_until, offset = segments
    (kind, slot), (shapes, member) = clock, profiles
    for k in range(len(row)):
        if first[k] < 0:
            continue
        m, shape = row[k], shapes[member[row[k]]]
        low, high = max(hole_first[k] - reach, 0), min(hole_until[k] + reach, values.shape[1])
        hole = hole_first[k], hole_until[k]
        level = _level(values[m], shape, clock, (low, high), hole)
        if np.isnan(level):
            level = _level(values[m], shape, clock, (0, values.shape[1]), hole)
        for c in range(first[k], until[k]):
            out[offset[k] + c - first[k]] = level * shape[kind[c], slot[c]] if level != 0 else 0.0


@njit(cache=True)
def _level(values, shape, clock, stretch, hole):  # pragma: no cover - compiled
    """The size of a meter's readings over that of the profile in the same intervals; NaN: fewer than a day's."""
    (kind, slot), size, expected, known = clock, 0.0, 0.0, 0
    for c in range(stretch[0], stretch[1]):
        if np.isfinite(values[c]) and not hole[0] <= c < hole[1]:
            size += abs(values[c])
            known += 1
            if np.isfinite(shape[kind[c], slot[c]]):
                expected += abs(shape[kind[c], slot[c]])
    if known < shape.shape[1]:
        return np.nan
    return size / expected if expected > 0 else (0.0 if size == 0 else np.nan)
