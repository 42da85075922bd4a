"""Model families: one file each, known by name in catalog.py."""
