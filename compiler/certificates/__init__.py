"""Certificates: what is proved of every state, written by one half of these files and checked by the other."""
