"""What stood in a gap, by a denoising autoencoder over windows of local days."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrify.errors import EmptyTable
from metrify.features.gap import LOOKBACK_DAYS
from metrify.models.base import Batch, Choice, Model, Needs, Report, Span
from metrify.models.quality.lengths import Standing, answer, answerable, errors, held_out, length_of
from metrify.models.quality.windows import Days, Shown, Windows, calendar_of
from metrify.panel import Panel
from metrify.schema import ESTIMATE, Table

__all__ = ["Denoiser"]

_AT_ONCE = 256
"""Windows that the network is asked at once; always as many, so that no answer depends on who else is asked."""
_CHUNK = 4096
"""Windows that are made at once to learn from."""
_NO_HISTORY = "no readings of this meter around the interval were given"
_READ = ("gap_hours", "level", "linear", "like_days", "two_weeks", "class_profile")


@dataclass
class Denoiser(Model):
    """A network that is shown days with a gap put into them and learns what stood there.

    Vincent et al. 2008, "Extracting and composing robust features with denoising autoencoders",
    doi:10.1145/1390156.1390294; encoder and decoder are convolutions along the day with shortcuts between them
    (Ronneberger et al. 2015, arXiv:1505.04597), and the days around are the channels. It answers the deviation from
    the mean of the same slot on those days: median and band by quantile loss, in multiples of the meter's level.
    """

    reach_days: Annotated[int, Choice((3, 7, 10))] = 7
    """days on each side that it is shown"""
    filters: Annotated[int, Span(16, 96, log=True)] = 32
    epochs: Annotated[int, Span(4, 30, log=True)] = 10
    windows: int = 12_000
    """windows of an epoch, drawn from all days with enough readings"""
    batch_size: Annotated[int, Choice((32, 64, 128))] = 64
    learning_rate: Annotated[float, Span(0.0003, 0.01, log=True)] = 0.002
    seed: int = 0

    family: ClassVar[str] = "quality/denoiser"
    produces: ClassVar[Table] = ESTIMATE
    needs: ClassVar[Needs] = Needs("gap", _READ, lookback_days=LOOKBACK_DAYS)

    _weights: list[NDArray[np.float32]] = field(init=False, repr=False, compare=False, default_factory=list)
    _step_minutes: int = field(init=False, repr=False, compare=False, default=0)
    _standing: Standing = field(init=False, repr=False, compare=False)
    _network: Any = field(init=False, repr=False, compare=False, default=None)

    def __getstate__(self) -> dict[str, Any]:
        """Without the network, which is made again from its weights wherever it is needed."""
        return self.__dict__ | {"_network": None}

    def fit(
        self, train: Batch, valid: Batch | None = None, *, report: Report | None = None, resume: Path | None = None
    ) -> Self:
        """Learn from `train.history` with the targets of the rows put back; it puts gaps into it by itself.

        The days of some of the rows are held out, on which it is judged. Where readings were cut several times over,
        `cut` in the rows tells which gaps were there at once. Nothing is resumed. Raises EmptyTable where no row has a
        target or there is no history.
        """
        rows = train.rows[answerable(train.rows) & train.rows["target"].notna().to_numpy()]
        if rows.empty or train.history is None:
            raise EmptyTable("READING", "Training wants gaps cut out of measured readings, and the readings around.")
        whole = _put(train.history, rows, rows["target"].to_numpy(np.float32))
        known = Days.of(whole, calendar_of(train))
        aside = held_out(rows)
        meter, day = np.nonzero(_teaching(known, rows, aside))
        if not len(day):
            raise EmptyTable("READING", "Training wants days of which at least half of the readings are known.")
        self._step_minutes, self._weights = known.step_minutes, []
        windows = Windows(known, self.reach_days)
        self._network = self._untrained(windows)
        self._learn(windows, meter, day, valid, report)
        self._weights = self._network.get_weights()
        once = rows["cut"].to_numpy() == rows["cut"].min() if "cut" in rows else np.ones(len(rows), bool)
        judged = rows[aside & once] if (aside & once).any() else rows[once]
        holes = _put(whole, rows[once], np.float32(np.nan))
        self._standing = Standing.of(judged, *self._heads(Batch(judged, holes, train.meters)))
        return self

    def _untrained(self, windows: Windows) -> Any:
        """A network with first weights that depend on the seed alone."""
        import keras

        keras.utils.set_random_seed(self.seed)
        steps = self.epochs * -(-self.windows // self.batch_size)
        network = _network(windows, self.filters)
        rate = keras.optimizers.schedules.CosineDecay(self.learning_rate, steps)
        network.compile(keras.optimizers.Adam(rate, clipnorm=1.0), loss=_pinball)
        return network

    def _learn(
        self, windows: Windows, meter: NDArray, day: NDArray, valid: Batch | None, report: Report | None
    ) -> None:
        random = np.random.default_rng(self.seed)
        for epoch in range(1, self.epochs + 1):
            drawn = random.permutation(np.resize(random.permutation(len(day)), self.windows))
            for first in range(0, len(drawn), _CHUNK):
                some = drawn[first : first + _CHUNK]
                shown = windows.show(meter[some], day[some], random)
                self._network.fit(
                    [shown.inputs, shown.usual], _targets(shown), self.batch_size, shuffle=False, verbose=0
                )
            if valid is not None and report is not None:
                report(epoch, {"wape": self._wape(valid)})

    def _wape(self, valid: Batch) -> float:
        """The mean error over the lengths of gaps."""
        _, middle, _ = self._heads(valid)
        return float(np.nanmean(errors(valid.rows["target"].to_numpy(np.float64), middle, length_of(valid.rows))))

    def predict(self, batch: Batch) -> pd.DataFrame:
        return answer(batch.rows, *self._heads(batch), self._standing, unknown=self._unable(batch))

    def _unable(self, batch: Batch) -> str:
        """Why the network itself has no value of an interval."""
        history = batch.history
        if history is not None and history.step_minutes != self._step_minutes:
            return f"it learned from intervals of {self._step_minutes} min, these have {history.step_minutes} min"
        return _NO_HISTORY

    def _heads(self, batch: Batch) -> NDArray[np.float64]:
        """10 %, 50 % and 90 % quantile of each row in the target's unit, [3, N]; NaN where it cannot say."""
        heads = np.full((3, len(batch.rows)), np.nan)
        history = batch.history
        if history is None or history.step_minutes != self._step_minutes or not history.values.size:
            return heads
        days = Days.of(history, calendar_of(batch))
        meter, day, slot = days.cells(batch.rows)
        asked = (meter >= 0) & answerable(batch.rows)
        wanted, place = np.unique(np.stack([meter[asked], day[asked]], 1), axis=0, return_inverse=True)
        said = self._say(Windows(days, self.reach_days), wanted)
        heads[:, asked] = said[place.ravel(), slot[asked]].T
        return heads

    def _say(self, windows: Windows, wanted: NDArray[np.int64]) -> NDArray[np.float64]:
        """Quantiles of every slot of these days (meter, day), [B, S, 3]."""
        if self._network is None:
            self._network = _network(windows, self.filters)
            self._network.set_weights(self._weights)
        said = np.full((len(wanted), windows.slots, 3), np.nan)
        for first in range(0, len(wanted), _AT_ONCE):
            some = wanted[first : first + _AT_ONCE]
            shown = windows.show(*np.resize(some, (_AT_ONCE, 2)).T)
            level = np.where(shown.level > 0, shown.level, np.nan)[: len(some), None, None]
            said[first : first + len(some)] = self._network([shown.inputs, shown.usual]).numpy()[: len(some)] * level
        return said

    def save_state(self, folder: Path) -> None:
        np.savez(folder / "weights.npz", *self._weights)
        state = {"standing": self._standing.state(), "step_minutes": self._step_minutes}
        (folder / "state.json").write_text(json.dumps(state))

    def load_state(self, folder: Path) -> None:
        with np.load(folder / "weights.npz") as saved:
            self._weights = [saved[f"arr_{number}"] for number in range(len(saved.files))]
        state = json.loads((folder / "state.json").read_text())
        self._standing, self._step_minutes = Standing.from_state(state["standing"]), state["step_minutes"]


def _put(history: Panel, rows: pd.DataFrame, put: NDArray[np.float32] | np.float32) -> Panel:
    """The history with other values where the rows are."""
    values = history.values.copy()
    meter = pd.Index(history.meter_ids).get_indexer(rows["meter_id"].astype(str))
    step = np.timedelta64(history.step_minutes * 60, "s")
    column = ((rows["timestamp"].to_numpy() - history.start) // step).astype(np.int64)
    inside = (meter >= 0) & (column >= 0) & (column < values.shape[1])
    values[meter[inside], column[inside]] = np.broadcast_to(put, inside.shape)[inside]
    return history.replace(values)


def _teaching(known: Days, rows: pd.DataFrame, aside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Days that are learned from, [M, D]: none of a meter that is held out, none with a held-out interval."""
    teaching = known.whole()
    meter, day, _ = known.cells(rows[aside])
    teaching[meter[meter >= 0], day[meter >= 0]] = False
    return teaching & known.rows.isin(rows["meter_id"].astype(str)[~aside])[:, None]


def _targets(shown: Shown) -> NDArray[np.float32]:
    """What is to be said of each slot, and how much it counts, [B, S, 2]: each window with a gap as much as another."""
    asked = np.isfinite(shown.truth) & (shown.level > 0)[:, None]
    share = asked / np.maximum(asked.sum(axis=1, keepdims=True), 1)
    return np.stack([np.where(asked, shown.truth, 0), share], axis=2).astype(np.float32)


def _pinball(wanted: Any, said: Any) -> Any:
    """Mean quantile loss of the three levels; what stands in no gap does not count."""
    from keras import ops

    levels = np.array([0.1, 0.5, 0.9], np.float32)
    above = wanted[..., :1] - said
    loss = ops.maximum(levels * above, (levels - 1) * above)
    return ops.sum(wanted[..., 1:] * loss, axis=(1, 2))


def _network(windows: Windows, filters: int) -> Any:
    """(window [P, C], usual [S]) -> quantiles [S, 3] in multiples of the level, in ascending order."""
    import keras
    from keras import layers, ops

    slots, beside = windows.slots, windows.beside
    window = keras.Input((slots + 2 * beside, 3 * (2 * windows.reach + 1) + 6))
    usual = keras.Input((slots,))

    def along(tensor: Any, width: int, stride: int = 1) -> Any:
        return layers.Conv1D(width, 5, stride, padding="same", activation="relu")(tensor)

    fine = along(along(window, filters), filters)
    middle = along(fine, 2 * filters, 2)
    code = along(along(middle, 2 * filters, 2), 2 * filters)
    middle = along(layers.Concatenate()([_twice(code, middle), middle]), filters)
    fine = along(layers.Concatenate()([_twice(middle, fine), fine]), filters)
    head = layers.Conv1D(3, 1)(fine)[:, beside : beside + slots]
    median = usual[..., None] + head[..., 1:2]
    below, above = ops.softplus(head[..., :1]), ops.softplus(head[..., 2:])
    return keras.Model([window, usual], layers.Concatenate()([median - below, median, median + above]))


def _twice(coarse: Any, fine: Any) -> Any:
    """The coarse sequence at the length of the fine one."""
    from keras import layers

    return layers.UpSampling1D(2)(coarse)[:, : fine.shape[1]]
