"""Encoders and read-outs."""
