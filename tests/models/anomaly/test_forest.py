"""The arrays say what scikit-learn says."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest

from metrify.models.anomaly.forest import Forest


@pytest.mark.parametrize(("rows", "samples"), [(3000, 256), (40, 256), (5000, 1024), (1, 256), (2, 256)])
def test_scores_are_those_of_scikit_learn(rows: int, samples: int) -> None:
    random = np.random.default_rng(1)
    matrix = random.normal(size=(rows, 4)).astype(np.float32)
    fresh = np.concatenate([matrix, random.normal(size=(1001, 4)).astype(np.float32) * 3])
    forest = Forest.fit(matrix, 20, samples, 42)
    theirs = IsolationForest(n_estimators=20, max_samples=min(samples, rows), random_state=42).fit(matrix)
    np.testing.assert_allclose(forest.score(fresh), -theirs.score_samples(fresh), rtol=1e-9)


def test_a_forest_over_equal_rows_tells_nothing_apart() -> None:
    forest = Forest.fit(np.ones((500, 3), np.float32), 10, 256, 0)
    assert np.ptp(forest.score(np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32))) == 0


def test_saved_and_loaded_it_is_the_same(tmp_path) -> None:
    matrix = np.random.default_rng(2).normal(size=(900, 3)).astype(np.float32)
    forest = Forest.fit(matrix, 15, 256, 7)
    forest.save(tmp_path / "forest.npz")
    np.testing.assert_array_equal(Forest.load(tmp_path / "forest.npz").score(matrix), forest.score(matrix))
