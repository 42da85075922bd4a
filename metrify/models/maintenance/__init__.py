"""Predictive maintenance: one family a file."""
