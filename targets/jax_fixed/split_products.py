"""Products wider than 32 bits from products of parts: where the factors can be cut so that int32 holds everything."""

from __future__ import annotations

from itertools import product

from compiler.ir.exact import Range
from targets.jax_fixed.values import Value, fits


def split_text(x: Value, y: Value, drop: int, rounding: str) -> str | None:
    """Text of x * y / 2**drop, rounded, in int32 alone; None where no cut of the factors allows that."""
    if not (fits(x.range) and fits(y.range)) or drop > 31:
        return None
    for a, b in ((x, y), (y, x)):
        cut = _cut_of_one(a.range, b.range, drop)
        if cut:
            return f"split_{rounding}({a.text}, {b.text}, {cut}, {drop})"
    cut = _cut_of_both(x.range, y.range, drop)
    return f"split_{rounding}({x.text}, {y.text}, {cut}, {drop}, both=True)" if cut else None


def _ends(x: Range, y: Range) -> tuple[int, int]:
    """Least and greatest product."""
    ends = [a * b for a, b in product((x.low, x.high), (y.low, y.high))]
    return min(ends), max(ends)


def _cut_of_one(x: Range, y: Range, drop: int) -> int:
    """Low bits of y that may be multiplied apart so that no part of x * y leaves int32; 0 where there are none."""
    least, most = _ends(x, y)
    for cut in range(min(drop, 30), 0, -1):
        mask = (1 << cut) - 1
        low = Range(min(0, x.low * mask), max(0, x.high * mask) + mask)
        high = Range((least >> cut) - 1, (most >> cut) + (1 << (drop - cut)))
        if fits(low) and fits(high):
            return cut
    return 0


def _cut_of_both(x: Range, y: Range, drop: int) -> int:
    """Low bits of both factors, at least half of those dropped, so that no product of parts leaves int32."""
    for cut in range((drop + 1) // 2, min(drop, 15) + 1):
        mask = (1 << cut) - 1
        low, highs = Range(0, mask), [Range(item.low >> cut, item.high >> cut) for item in (x, y)]
        least, most = (sum(ends) for ends in zip(*(_ends(item, low) for item in highs), strict=True))
        if fits(Range(least, most + (2 << cut) + (1 << (drop - cut)))):
            return cut
    return 0
