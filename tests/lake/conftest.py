"""A lake of its own for a test."""

from __future__ import annotations

import pytest

from metrify.lake.tables import Lake
from metrify.settings import Workspace


@pytest.fixture
def lake(workspace: Workspace) -> Lake:
    return Lake(workspace)
