"""Rheon."""
