"""HTML and SVG as text, escaped by construction: strings are text, only `Markup` is markup."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


class Markup(str):
    """Text that is markup already."""


Content = str | float | int | None
SAME = "the same"
"""Stands in columns of numbers where there is nothing to count."""
_LONG = 44
_BESIDE_DIGITS = str.maketrans("", "", " <−-")


def tag(name: str, /, *children: Content, **attributes: Content) -> Markup:
    """`<name attributes>children</name>`; None is left out, `class_` is `class`, `stroke_width` is `stroke-width`.

    >>> tag("p", "a < b", tag("b", 1), class_="note")
    '<p class="note">a &lt; b<b>1</b></p>'
    """
    inner = "".join(_text(child) for child in children)
    return Markup(f"<{name}{_attributes(attributes)}>{inner}</{name}>")


def empty(name: str, /, **attributes: Content) -> Markup:
    """`<name attributes/>`."""
    return Markup(f"<{name}{_attributes(attributes)}/>")


def joined(parts: Iterable[Content]) -> Markup:
    return Markup("".join(_text(part) for part in parts))


def table(header: Sequence[str], rows: Iterable[Sequence[Content]], caption: str = "") -> Markup:
    """A table that scrolls sideways by itself where it is too wide; columns of numbers are set to the right."""
    found = [list(row) for row in rows]
    numeric = [all(_is_number(row[i]) for row in found) for i in range(len(header))]
    head = tag(
        "tr",
        *(
            tag("th", cell, scope="col", class_="n" if number else None)
            for cell, number in zip(header, numeric, strict=True)
        ),
    )
    body = [
        tag("tr", *(tag("td", cell, class_=_kind(cell, number)) for cell, number in zip(row, numeric, strict=True)))
        for row in found
    ]
    told = tag("p", caption, class_="note") if caption else ""
    return joined([tag("div", tag("table", tag("thead", head), tag("tbody", *body)), class_="wide"), told])


def _kind(cell: Content, number: bool) -> str | None:
    """Numbers stay in one line, long words may take several."""
    if number:
        return "n"
    return "long" if len(str(cell or "")) > _LONG else None


def _is_number(cell: Content) -> bool:
    text = str(cell or "").removesuffix(" %").translate(_BESIDE_DIGITS)
    return isinstance(cell, int | float) or text in ("", SAME.replace(" ", "")) or text.replace(".", "", 1).isdigit()


def prose(text: str) -> Markup:
    """Text in which what stands between backquotes is code."""
    parts = text.split("`")
    return joined(tag("code", part) if index % 2 else part for index, part in enumerate(parts))


def _attributes(attributes: dict[str, Content]) -> str:
    return "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for name, value in attributes.items()
        if value is not None
    )


def _text(child: Content) -> str:
    if child is None:
        return ""
    return child if isinstance(child, Markup) else escape(str(child))


def number(value: float, digits: int = 4) -> str:
    """A number for people: groups of three, few digits.

    >>> number(1234567.0), number(0.0123456), number(3.0)
    ('1 234 567', '0.01235', '3')
    """
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}".replace(",", " ").replace("-", "−")
    if abs(value) >= 10 ** (digits - 1):
        return number(float(round(value)))
    return f"{value:.{digits}g}".replace("-", "−")
