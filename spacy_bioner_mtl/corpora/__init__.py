"""Annotated corpora: list, check, convert, read."""
