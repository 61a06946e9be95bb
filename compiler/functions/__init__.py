"""Nonlinear functions of state as integer operations, one per file; the file name is the operation it expands.

Each file has `expand(builder, operands, result) -> operand name`. What it builds are ordinary operations, so every
engine runs them; remainders are taken by `wrap` formats, which keeps ranges tight without any proof.
"""
