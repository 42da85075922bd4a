"""Data quality that is learned: one family a file."""
