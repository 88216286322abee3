"""Attempts to bring a memory back."""
