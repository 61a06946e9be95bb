"""Amounts of memory as people write them."""

from __future__ import annotations

UNITS = {"b": 1, "": 1, "kib": 1024, "kb": 1000, "mib": 1024**2, "mb": 1000**2}
"""Bytes."""


def kib(bits: float) -> str:
    """Bits as KiB, few as bytes.

    >>> kib(8 * 1024 * 64), kib(100)
    ('64 KiB', '12.5 B')
    """
    return f"{bits / 8192:.4g} KiB" if bits >= 8192 else f"{bits / 8:.4g} B"


def parse_memory(text: str) -> int:
    """`64KiB`, `1.5 MiB`, `20000B` or a number of bytes, in bits. Raises ValueError.

    >>> parse_memory("64KiB")
    524288
    """
    word = text.strip().lower()
    number = word.rstrip("abcdefghijklmnopqrstuvwxyz ")
    unit = word[len(number):].strip()
    try:
        bits = int(float(number) * UNITS[unit] * 8)
    except (ValueError, KeyError, OverflowError):
        raise ValueError(f"{text!r} is no amount of memory; write 64KiB, 1.5MiB or 20000B") from None
    if bits <= 0:
        raise ValueError(f"{text!r} is no amount of memory above 0")
    return bits
