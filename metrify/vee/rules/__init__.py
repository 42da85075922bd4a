"""The validation rules, one file a kind, and the kernels that they run on."""

from metrify.vee.rules.catalog import RULES, flagged, to_estimate, trusted, validate

__all__ = ["RULES", "flagged", "to_estimate", "trusted", "validate"]
