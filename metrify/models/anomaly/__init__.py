"""Anomaly detectors: one family a file."""
