"""Forecasting families: mean and quantiles of a meter's next intervals."""
