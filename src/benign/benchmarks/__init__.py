"""Benchmarks of the literature: data, protocol, reference models."""
