"""Judges: who marks facts and language."""
