"""The one pass over a table's buckets: an actor takes a bucket's files, nothing is shuffled, nothing is collected."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from metrify.errors import ClusterError, MetrifyError
from metrify.lake.tables import Lake
from metrify.schema import Table

__all__ = ["BucketFiles", "cause", "over_buckets"]


_RETRIES = "\nFailed to "
"""What Ray Data begins with where it adds to an error's sentence how often it tried."""


@dataclass(frozen=True)
class BucketFiles:
    """One bucket's Parquet files, by table name."""

    bucket: int
    files: dict[str, list[str]]


class _Actor:
    """Holds a worker, so that what is loaded once serves every bucket that the actor gets."""

    def __init__(self, make_worker: Callable[..., Callable[[BucketFiles], Any]], arguments: tuple[Any, ...]):
        self._work = make_worker(*arguments)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[bytes]]:
        return {"result": [pickle.dumps(self._work(pickle.loads(item))) for item in batch["item"]]}


def over_buckets(
    lake: Lake,
    tables: tuple[Table, ...],
    make_worker: Callable[..., Callable[[BucketFiles], Any]],
    arguments: tuple[Any, ...],
    *,
    actors: int | None = None,
) -> Iterator[tuple[int, Any]]:
    """Run a worker over every bucket of the first table on a Ray Data actor pool; yields (buckets in all, result).

    `make_worker(*arguments)` is called once an actor. The current Ray session is used; `actors` defaults to its CPUs.
    """
    import ray
    from ray.exceptions import RayError

    files = {table.name: lake.paths(table) for table in tables if lake.exists(table)}
    buckets = sorted(files.get(tables[0].name, {}))
    if not buckets:
        return
    items = [
        {"item": pickle.dumps(BucketFiles(bucket, {name: found.get(bucket, []) for name, found in files.items()}))}
        for bucket in buckets
    ]
    size = min(actors or max(int(ray.cluster_resources().get("CPU", 1)), 1), len(buckets))
    results = ray.data.from_items(items, override_num_blocks=len(items)).map_batches(
        _Actor,
        fn_constructor_args=(make_worker, arguments),
        batch_size=1,
        batch_format="numpy",
        compute=ray.data.ActorPoolStrategy(size=size, max_tasks_in_flight_per_actor=2),
        num_cpus=1,
    )
    try:
        for row in results.iter_rows():
            yield len(buckets), pickle.loads(row["result"])
    except RayError as error:
        raise cause(error) from error


def cause(error: BaseException) -> BaseException:
    """The worker's own error where it is one of ours: a person wants that, not the way it took through Ray."""
    from ray.exceptions import RayError

    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, MetrifyError) and not isinstance(seen, RayError):  # Ray wraps ours in a class that is both
            seen.args = (str(seen).partition(_RETRIES)[0],)
            return seen
        told = getattr(seen, "cause", None)
        seen = told if isinstance(told, BaseException) else seen.__cause__
    return ClusterError(f"A worker failed: {error}")
