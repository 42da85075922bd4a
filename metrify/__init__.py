"""Metrify."""
