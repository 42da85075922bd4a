"""Metrify: smart-metering machine learning on Ray, from meter readings to answers over HTTP."""
