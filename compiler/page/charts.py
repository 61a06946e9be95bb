"""Charts as inline SVG, 360 units wide, in the colours of the style sheet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from compiler.page.markup import Markup, empty, joined, number, tag
from compiler.percent import percent

WIDTH, LEFT, RIGHT = 360, 46, 6
_PLOT = WIDTH - LEFT - RIGHT


def figure(title: str, height: float, parts: Iterable[Markup], note: str = "") -> Markup:
    """A chart with its title for eyes and screen readers, and a note under it."""
    picture = tag("svg", tag("title", title), *parts, viewBox=f"0 0 {WIDTH} {_short(height)}", role="img")
    return tag("figure", tag("figcaption", title), picture, tag("p", note, class_="note") if note else None)


def raster(title: str, units: Sequence[int], expected: np.ndarray, found: np.ndarray, mark: int | None) -> Markup:
    """Spikes [T, k] of two runs: both, only the first (lost), only the second (added); mark: the first difference."""
    steps, count = expected.shape
    row = max(3.0, min(7.0, 150 / max(count, 1)))
    bottom = 6 + row * count
    groups = {"both": expected & found, "lost": expected & ~found, "added": ~expected & found}
    paths = [_ticks(spikes, row, steps, name) for name, spikes in groups.items() if spikes.any()]
    axes = [
        _label(LEFT - 4, 6 + row / 2 + 3, str(units[0]), "end"),
        _label(LEFT - 4, 6 + row * (count - 0.5) + 3, str(units[-1]), "end") if count > 2 else Markup(""),
    ]
    return figure(title, bottom + 16, [*_marked(mark, steps, 4, bottom), *paths, *axes, *_steps_axis(steps, bottom)])


def _ticks(spikes: np.ndarray, row: float, steps: int, name: str) -> Markup:
    """All spikes of one kind as one path of upright strokes."""
    times, units = np.nonzero(spikes)
    strokes = "".join(
        f"M{_short(_x(t + 0.5, steps))} {_short(6 + row * u)}v{_short(row * 0.8)}"
        for t, u in zip(times, units, strict=True)
    )
    return empty("path", d=strokes, class_=f"tick {name}")


def traces(
    title: str,
    expected: np.ndarray,
    found: np.ndarray,
    threshold: float | None,
    mark: int | None,
    unit: str,
    note: str = "",
) -> Markup:
    """A state over time in two runs, with its threshold; mark: step at which the runs first differ."""
    height, top = 120.0, 6.0
    values = np.concatenate([expected, found, [threshold] if threshold is not None else []])
    low, high = float(values.min()), float(values.max())
    span = high - low or 1.0

    def y(value: float) -> float:
        return top + (height - top) * (high - value) / span

    def line(rows: np.ndarray, name: str) -> Markup:
        points = " ".join(f"{_short(_x(t + 0.5, len(rows)))},{_short(y(v))}" for t, v in enumerate(rows))
        return empty("polyline", points=points, class_=f"line {name}")

    parts = [*_marked(mark, len(expected), top, height)]
    if threshold is not None:
        parts += [
            empty(
                "line", x1=LEFT, x2=WIDTH - RIGHT, y1=_short(y(threshold)), y2=_short(y(threshold)), class_="threshold"
            )
        ]
    parts += [
        line(expected, "float"),
        line(found, "fixed"),
        _label(LEFT - 4, top + 8, number(high, 3), "end"),
        _label(LEFT - 4, height, number(low, 3), "end"),
    ]
    return figure(title, height + 16, [*parts, *_steps_axis(len(expected), height, unit)], note)


def histogram(title: str, before: np.ndarray, after: np.ndarray, edges: np.ndarray, note: str) -> Markup:
    """Counts before (outline) and after (bars) over the same bins."""
    height, top = 96.0, 6.0
    tallest = max(int(before.max(initial=1)), int(after.max(initial=1)), 1)
    bins = len(before)

    def bar(index: int, count: int) -> Markup:
        x0, x1 = (LEFT + _PLOT * (index + shift) / bins for shift in (0.12, 0.88))
        tall = (height - top) * np.sqrt(count / tallest)
        return empty(
            "rect", x=_short(x0), width=_short(x1 - x0), y=_short(height - tall), height=_short(tall), class_="bar"
        )

    outline = (
        f"M{LEFT} {_short(height)}"
        + "".join(
            f"V{_short(height - (height - top) * np.sqrt(count / tallest))}H{_short(LEFT + _PLOT * (index + 1) / bins)}"
            for index, count in enumerate(before)
        )
        + f"V{_short(height)}"
    )
    parts = [bar(index, int(count)) for index, count in enumerate(after) if count]
    parts += [
        empty("path", d=outline, class_="line float"),
        _base(height),
        _label(LEFT - 4, top + 8, number(tallest), "end"),
        _label(LEFT, height + 12, number(edges[0], 3), "start"),
        _label(WIDTH - RIGHT, height + 12, number(edges[-1], 3), "end"),
    ]
    return figure(title, height + 16, parts, note)


def bars(title: str, shares: Mapping[str, tuple[float, float]], names: tuple[str, str], note: str) -> Markup:
    """Two horizontal bars for each label; shares 0..1, smaller ones than 0 have no length."""
    parts, y = [], 4.0
    left = 132
    for label, pair in shares.items():
        parts.append(_label(left - 6, y + 15, label, "end"))
        for value, kind in zip(pair, ("bar", "bar second"), strict=True):
            long = max(0.0, min(1.0, value)) * (WIDTH - left - 50)
            parts += [
                empty("rect", x=left, y=_short(y), width=_short(max(long, 0.5)), height=10, class_=kind),
                _label(left + long + 4, y + 9, percent(value), "start"),
            ]
            y += 12
        y += 6
    key = joined([tag("span", names[0], class_="key bar"), " ", tag("span", names[1], class_="key second")])
    return joined([figure(title, y, parts, note), tag("p", key, class_="legend")])


Cell = tuple[int, int]


def grid(
    title: str,
    size: tuple[int, int],
    cells: Mapping[Cell, Sequence[tuple[float, int]]],
    words: Mapping[Cell, str],
    loads: Mapping[Cell, float],
    note: str,
) -> Markup:
    """Cores as squares: parts of each filled in the colours of its populations (share, colour number), a dot as large
    as what arrives there."""
    width, height = size
    side = min(_PLOT + LEFT, 44 * width) / width
    side = min(side, 44.0)
    busiest = max(loads.values(), default=0.0)
    parts = []
    for y in range(height):
        for x in range(width):
            parts += _core(
                x * side + 1,
                y * side + 1,
                side - 2,
                cells.get((x, y), ()),
                words.get((x, y), ""),
                loads.get((x, y), 0.0) / busiest if busiest else 0.0,
            )
    return figure(title, side * height + 2, parts, note)


def _core(
    x: float, y: float, side: float, filled: Sequence[tuple[float, int]], words: str, load: float
) -> list[Markup]:
    frame = empty(
        "rect",
        x=_short(x),
        y=_short(y),
        width=_short(side),
        height=_short(side),
        rx=2,
        class_="core" if filled else "core idle",
    )
    inside, start = [], y + side
    for share, colour in filled:
        tall = share * side
        start -= tall
        inside.append(
            empty(
                "rect", x=_short(x), y=_short(start), width=_short(side), height=_short(tall), class_=f"fill c{colour}"
            )
        )
    if load:
        inside.append(
            empty(
                "circle",
                cx=_short(x + side / 2),
                cy=_short(y + side / 2),
                r=_short(side * 0.32 * np.sqrt(load)),
                class_="load",
            )
        )
    return [tag("g", tag("title", words) if words else None, *inside, frame)]


def _x(step: float, steps: int) -> float:
    return LEFT + _PLOT * step / max(steps, 1)


def _marked(mark: int | None, steps: int, top: float, bottom: float) -> list[Markup]:
    if mark is None or mark >= steps:
        return []
    x = _x(mark, steps)
    return [
        empty(
            "rect",
            x=_short(x),
            y=_short(top),
            width=_short(max(_PLOT / steps, 1.5)),
            height=_short(bottom - top),
            class_="mark",
        )
    ]


def _base(y: float) -> Markup:
    return empty("line", x1=LEFT, x2=WIDTH - RIGHT, y1=_short(y), y2=_short(y), class_="axis")


def _steps_axis(steps: int, y: float, unit: str = "") -> list[Markup]:
    last = f"step {steps - 1}" + (f"   ({unit})" if unit else "")
    return [_base(y), _label(LEFT, y + 12, "0", "start"), _label(WIDTH - RIGHT, y + 12, last, "end")]


def _label(x: float, y: float, text: str, anchor: str) -> Markup:
    return tag("text", text, x=_short(x), y=_short(y), text_anchor=anchor)


def _short(value: float) -> str:
    """Two decimals at most: the same text on every machine, and short."""
    return f"{float(value):.2f}".rstrip("0").rstrip(".")
