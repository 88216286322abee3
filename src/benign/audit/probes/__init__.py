"""Probes made of what the original model knows: a graph of facts, the questions along its paths, and who answers them.

Source: the Unlearning Mirage (arXiv 2603.11266).
"""
