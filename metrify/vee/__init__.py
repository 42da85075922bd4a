"""Validation, estimation and editing: the utility's rules, before any learning."""
