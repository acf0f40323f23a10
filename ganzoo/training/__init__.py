"""Checkpoints, callbacks and runs."""
