"""Grades of meter-days, and of the fleet."""
