"""Isolation trees as plain arrays: saved without pickle, scored without scikit-learn, several times faster."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

import numpy as np
from numba import njit
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

__all__ = ["Forest"]

_BLOCK = 2048
_EULER = 0.5772156649015329


@dataclass(frozen=True)
class Forest:
    """All nodes of all trees in one row; children are absolute places, and a leaf is its own child."""

    roots: NDArray[np.int64]
    depths: NDArray[np.int64]
    """steps from each root to its deepest leaf"""
    feature: NDArray[np.int32]
    """column that a node splits"""
    threshold: NDArray[np.float64]
    """at most this goes left; at a leaf its path length: depth plus what its rows would still have taken"""
    children: NDArray[np.int32]
    """left and right one of each node, in turn"""
    normal: NDArray[np.float64]
    """mean path length of an unsuccessful search among the rows of a tree, shape [1]"""

    @classmethod
    def fit(cls, matrix: NDArray[np.float32], trees: int, max_samples: int, seed: int) -> Self:
        """Liu, Ting and Zhou 2008, "Isolation forest", doi:10.1109/ICDM.2008.17, on rows [N, F] without NaN."""
        rows = min(max_samples, len(matrix))
        grown = IsolationForest(n_estimators=trees, max_samples=rows, random_state=seed, n_jobs=1).fit(matrix)
        return cls._flat([estimator.tree_ for estimator in grown.estimators_], rows)

    @classmethod
    def _flat(cls, trees: list, rows: int) -> Self:
        offsets = np.cumsum([0, *(tree.node_count for tree in trees)])[:-1]
        depths = [_depths(tree) for tree in trees]
        leaf = np.concatenate([tree.children_left < 0 for tree in trees])
        paths = np.concatenate([d + _path_length(tree.n_node_samples) for d, tree in zip(depths, trees, strict=True)])
        children = [
            np.stack([tree.children_left, tree.children_right], 1) + o for tree, o in zip(trees, offsets, strict=True)
        ]
        itself = np.arange(len(leaf))[:, None]
        return cls(
            offsets.astype(np.int64),
            np.array([d.max() for d in depths], np.int64),
            np.where(leaf, 0, np.concatenate([tree.feature for tree in trees])).astype(np.int32),
            np.where(leaf, paths, np.concatenate([tree.threshold for tree in trees])),
            np.where(leaf[:, None], itself, np.concatenate(children)).astype(np.int32).ravel(),
            _path_length(np.array([rows])),
        )

    def score(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """The anomaly score of the paper, 0 to 1, of rows [N, F]: 2 ** -(mean path length / the normal one)."""
        if self.normal[0] == 0:  # grown from one row: every row is as strange as any other
            return np.full(len(matrix), 0.5)
        whole = np.zeros((-(-len(matrix) // 4) * 4, matrix.shape[1]), np.float32)
        whole[: len(matrix)] = matrix
        total = np.zeros(len(whole))
        _walk(self.roots, self.depths, self.feature, self.threshold, self.children, whole, total)
        return 2.0 ** -(total[: len(matrix)] / (len(self.roots) * self.normal[0]))

    def save(self, path: Path) -> None:
        np.savez(path, **{f.name: getattr(self, f.name) for f in fields(self)})

    @classmethod
    def load(cls, path: Path) -> Self:
        with np.load(path, allow_pickle=False) as arrays:
            return cls(**{f.name: arrays[f.name] for f in fields(cls)})


def _depths(tree) -> NDArray[np.float64]:
    """Depth of every node; scikit-learn numbers children after their parents."""
    depths = np.zeros(tree.node_count)
    for node in range(tree.node_count):
        if tree.children_left[node] >= 0:
            depths[[tree.children_left[node], tree.children_right[node]]] = depths[node] + 1
    return depths


def _path_length(rows: NDArray[np.int_]) -> NDArray[np.float64]:
    """Mean path length of an unsuccessful search in a binary tree of so many rows."""
    many = np.maximum(rows, 3).astype(np.float64)
    return np.select([rows <= 1, rows == 2], [0.0, 1.0], 2 * (np.log(many - 1) + _EULER) - 2 * (many - 1) / many)


@njit(cache=True)
def _walk(roots, depths, feature, threshold, children, matrix, total):  # pragma: no cover - compiled
    """Add up the path lengths of each row, of which there are a multiple of four.

    Tree by tree over blocks of rows, so that both stay in the cache; four rows in step and without a branch, so that
    the processor need not guess and does not wait for one row's node before it asks for the next row's.
    """
    for first in range(0, len(matrix), _BLOCK):
        for tree in range(len(roots)):
            for row in range(first, min(first + _BLOCK, len(matrix)), 4):
                a = b = c = d = roots[tree]
                for _ in range(depths[tree]):
                    a = children[2 * a + np.int64(matrix[row, feature[a]] > threshold[a])]
                    b = children[2 * b + np.int64(matrix[row + 1, feature[b]] > threshold[b])]
                    c = children[2 * c + np.int64(matrix[row + 2, feature[c]] > threshold[c])]
                    d = children[2 * d + np.int64(matrix[row + 3, feature[d]] > threshold[d])]
                total[row] += threshold[a]
                total[row + 1] += threshold[b]
                total[row + 2] += threshold[c]
                total[row + 3] += threshold[d]
