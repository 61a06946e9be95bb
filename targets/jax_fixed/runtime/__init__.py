"""What every generated program may need, as ordinary tested functions.

The generator copies the source of those that a network uses into its `program.py`; so each stands for itself,
and needs only jax and numpy.
"""
