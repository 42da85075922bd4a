"""The estimation ladder: what stands in for a gap or a wrong reading."""

from metrify.vee.ladder.estimate import (
    METHODS,
    UNFIT,
    Estimates,
    Learned,
    LearnedEstimates,
    climbable,
    estimate,
    revalidate,
    usable,
)

__all__ = [
    "METHODS",
    "UNFIT",
    "Estimates",
    "Learned",
    "LearnedEstimates",
    "climbable",
    "estimate",
    "revalidate",
    "usable",
]
