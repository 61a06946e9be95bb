"""Local rules of simplification: what one op is equal to, given how its operands were computed.

A rule sees an op and gives an operand, an expression `Node` to compute instead, or None. Every rule keeps
float64 results exactly, except that a zero may change its sign, and that `x * b` for a truth value b becomes
`select b, x, 0.0` (not the same where x is infinite or NaN).
"""

from compiler.algebra.known import Known, Node, Value
from compiler.algebra.rules import simplest

__all__ = ["Known", "Node", "Value", "simplest"]
