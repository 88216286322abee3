"""Metrics: observations in, a score or a reason out."""
