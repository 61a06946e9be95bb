"""Windows that slide over the last axes of an array: what convolution and pooling share."""

from __future__ import annotations

from typing import Any

import numpy as np

from spark.core.config import Fault, Field
from spark.core.fields import WHOLE, Rejected

Sides = tuple[tuple[int, int], ...]


class WindowField(Field):
    """A whole number for every axis, or one for all; `words` are spelled-out values (padding)."""

    def __init__(self, default: Any, *, axes: int, low: int, words: tuple[str, ...] = (), doc: str = "") -> None:
        super().__init__(default, doc=doc)
        self.axes, self.low, self.words = axes, low, words
        spelled = "".join(f" or {word!r}" for word in words)
        self.kind = f"an integer >= {low}{f' for each of {axes} axes' if axes > 1 else ''}{spelled}"

    def parse(self, value: Any) -> Any:
        if isinstance(value, str):
            if value not in self.words:
                raise Rejected(self.kind)
            return value
        given = np.asarray(value)
        numbers = given.reshape(-1).tolist()
        numbers = numbers * self.axes if len(numbers) == 1 else numbers
        whole = all(isinstance(number, WHOLE) and not isinstance(number, bool) and number >= self.low
                    for number in numbers)
        if len(numbers) != self.axes or not whole:
            raise Rejected(self.kind)
        return tuple(int(number) for number in numbers)


def sides(padding: Any, kernel: tuple[int, ...], dilation: tuple[int, ...]) -> Sides:
    """Zeros put before and after every axis. 'same' puts the odd one behind."""
    if padding == "valid":
        return ((0, 0),) * len(kernel)
    if padding == "same":
        spans = [step * (size - 1) for size, step in zip(kernel, dilation, strict=True)]
        return tuple((span // 2, span - span // 2) for span in spans)
    return tuple((pad, pad) for pad in padding)


def positions(extent: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, ...], padding: Sides,
              dilation: tuple[int, ...]) -> tuple[int, ...]:
    """How many windows fit along every axis; 0 or less where none does."""
    rooms = (size + sum(pad) - step * (width - 1) - 1
             for size, width, pad, step in zip(extent, kernel, padding, dilation, strict=True))
    return tuple(room // hop + 1 for room, hop in zip(rooms, stride, strict=True))


def window_faults(shape: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, ...], padding: Sides,
                  dilation: tuple[int, ...]) -> list[Fault]:
    """The fault of an input that is smaller than the window."""
    extent = shape[len(shape) - len(kernel) :]
    if min(positions(extent, kernel, stride, padding, dilation)) > 0:
        return []
    found = f"{extent} with padding {padding}"
    return [Fault("input", found, f"at least as large as the window {kernel} at dilation {dilation}")]
