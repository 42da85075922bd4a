from __future__ import annotations

from metrify.registry.promotion import KEPT, Promotion, previous, read, write


def history(*versions: int) -> list[Promotion]:
    return [Promotion(version, "2026-01-01T00:00:00+00:00", "ann", None) for version in versions]


def always(version: int) -> bool:
    return True


def test_tags_there_and_back():
    assert read(None) == []
    assert read(write(history(1, 2))) == history(1, 2)
    assert read(write(history(*range(KEPT + 5)))) == history(*range(5, KEPT + 5))


def test_the_one_before_is_restored_and_then_the_one_before_that():
    assert previous(history(1, 2, 1, 3), 3, always) == history(1, 2, 1)
    assert previous(history(1, 2, 1), 1, always) == history(1, 2)
    assert previous(history(1), 1, always) == []


def test_deleted_versions_are_passed_over():
    assert previous(history(1, 2, 3), 3, {1, 3}.__contains__) == history(1)


def test_an_alias_moved_by_hand_goes_back_to_the_last_promotion():
    assert previous(history(1, 2), 7, always) == history(1, 2)
