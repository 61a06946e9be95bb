"""Durations as people write them, in ms."""

from __future__ import annotations

import re

UNITS = {"": 1.0, "ms": 1.0, "s": 1e3, "us": 1e-3, "µs": 1e-3, "ns": 1e-6}
SPELLED = re.compile(r"\s*([-+]?\d*\.?\d+(?:[eE][-+]?\d+)?|\d+\.)\s*(ms|s|us|µs|ns|)\s*")


def milliseconds(text: str) -> float:
    """`0.1`, `0.1ms`, `100us` and `1e-4s` are the same. Errors: ValueError.

    >>> milliseconds("0.1"), milliseconds("1e-4s"), milliseconds("100 us")
    (0.1, 0.1, 0.1)
    """
    match = SPELLED.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no duration: a number of ms, or with its unit (1e-4s, 0.1ms, 100us)")
    number, factor = float(match[1]), UNITS[match[2]]
    # Dividing by a power of ten rounds once, multiplying by its inverse twice.
    return number * factor if factor >= 1 else number / round(1 / factor)
