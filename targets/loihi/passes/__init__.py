"""Passes that only this family has; found by their files."""
