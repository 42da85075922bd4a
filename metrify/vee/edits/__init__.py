"""Edits: applied, undone, and CLEAN, the view of readings with the edits that hold."""
