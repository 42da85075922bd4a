"""Where compiled kernels are kept; nothing heavy is loaded here."""

from __future__ import annotations

__all__ = ["KEPT"]

KEPT = {"NUMBA_CACHE_LOCATOR_CLASSES": "metrify.kernels.kept.ByContent,InTreeCacheLocator"}
"""Environment of every process that runs kernels: numba looks there for what was compiled before."""
