"""Splits by time, fitting, searching and backtesting."""
