"""Checkpoint → verified bundle."""
