"""Readers and writers of annotation formats; all of them speak in Records (see record.py)."""
