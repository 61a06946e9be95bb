"""From the widest bits to the narrowest, each step the one that costs least for the memory it saves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from compiler.mixed_precision.parts import Part

Bits = dict[str, int]


def path(parts: Iterable[Part], sensitivity: Mapping[str, Mapping[int, float]]) -> list[Bits]:
    """Ever smaller allocations. sensitivity: by name and width, the widest among them.

    Greedy on the lower convex hull of every part: optimal for a sum of convex costs at the sizes on the path, not
    between them (Shoham & Gersho 1988).
    """
    known = {item.name: item for item in parts}
    bits = {name: item.widest for name, item in known.items()}
    found = [dict(bits)]
    while steps := [(_price(known[name], bits[name], width, costs), name, width)
                    for name, costs in sensitivity.items() for width in costs if width < bits[name]]:
        _, name, width = min(steps)
        bits[name] = width
        found.append(dict(bits))
    return found


def _price(part: Part, now: int, width: int, costs: Mapping[int, float]) -> float:
    """What scores move for every bit of memory saved."""
    return max(0.0, costs[width] - costs[now]) / max(1, part.memory(now) - part.memory(width))


def between(good: Mapping[int, bool]) -> int | None:
    """A place half way between the last good one and the next that is not, None where there is nothing between.

    >>> between({0: True, 4: True, 10: False})
    7
    """
    last = max((index for index, fine in good.items() if fine), default=None)
    after = min((index for index in good if last is not None and index > last), default=None)
    if last is None or after is None or after - last < 2:
        return None
    return (last + after) // 2
