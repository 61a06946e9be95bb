"""How a format of states may be written: bits, our own formats, SpiNNaker's accum, Qm.n, ap_fixed.

| written | meant |
|---|---|
| `24` | 24 bits, the fraction chosen for each population |
| `s24.8`, `s24.8/even` | 24 bits in all, 8 of them fraction; a rounding where one is named |
| `accum` | SpiNNaker's accum, a sign, 16 integer and 15 fraction bits: `s32.15` |
| `Q16.15` | a sign, 16 integer and 15 fraction bits (m without the sign, as Texas Instruments counts): `s32.15` |
| `ap_fixed<32,17,AP_RND_CONV,AP_SAT>` | W bits, I of them integer, the sign among these: `s32.15/even` |

A bare s16.15 is refused: 16 bits cannot hold what is often called so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from compiler.diagnostics import DiagnosticError, declare, fail
from compiler.formats import Format, parse_type

E177 = declare("E177", "a format of states cannot be read, or not in one way only")

WIDTHS = (4, 32)
ACCUM = Format(True, 32, 15)
AP_ROUNDINGS = {"AP_TRN": "floor", "AP_TRN_ZERO": "zero", "AP_RND_CONV": "even", "AP_RND_INF": "away"}
AP_OVERFLOWS = ("AP_SAT",)

_Q = re.compile(r"q(\d+)\.(\d+)", re.IGNORECASE)
_AP = re.compile(r"ap_fixed<\s*(\d+)\s*,\s*(-?\d+)\s*(?:,\s*(\w+)\s*)?(?:,\s*(\w+)\s*)?>")
EXPECTED = "bits, s24.8, accum, Q15.8 (sign apart) or ap_fixed<24,16>"


@dataclass(frozen=True)
class StateFormat:
    """Bits of states; fraction and rounding, None where they were not said."""

    bits: int
    fraction: int | None = None
    rounding: str | None = None


def parse_states(text: str | int) -> StateFormat:
    """A format of states as it may be written. Errors: E177.

    >>> parse_states("accum")
    StateFormat(bits=32, fraction=15, rounding=None)
    >>> parse_states("ap_fixed<16, 8, AP_RND_CONV>")
    StateFormat(bits=16, fraction=8, rounding='even')
    >>> parse_states("Q7.8") == parse_states("s16.8")
    True
    """
    word = str(text).strip()
    if word.isdigit():
        return _checked(word, StateFormat(int(word)))
    if word == "accum":
        return StateFormat(ACCUM.width, ACCUM.fraction)
    if word == "s16.15":
        raise fail(E177, "s16.15 can be read in two ways", "--states", found=word, expected=EXPECTED,
                   hint="accum or s32.15: a sign, 16 integer, 15 fraction bits (SpiNNaker); Q0.15: 16 bits in all")
    if match := _Q.fullmatch(word):
        whole, fraction = int(match[1]), int(match[2])
        return _checked(word, StateFormat(1 + whole + fraction, fraction))
    if match := _AP.fullmatch(word):
        return _checked(word, _ap_fixed(word, int(match[1]), int(match[2]), match[3], match[4]))
    return _checked(word, _own(word))


def _own(word: str) -> StateFormat:
    try:
        type_ = parse_type(word)
    except ValueError as error:
        raise _unreadable(word, str(error)) from error
    if not isinstance(type_, Format) or not type_.signed or type_.overflow == "wrap":
        raise _unreadable(word, "states are signed, and saturate where they are not proved to fit")
    return StateFormat(type_.width, type_.fraction, type_.rounding if "/" in word else None)


def _ap_fixed(word: str, width: int, whole: int, rounding: str | None, overflow: str | None) -> StateFormat:
    if rounding is not None and rounding not in AP_ROUNDINGS:
        raise _unreadable(word, f"quantization modes are {', '.join(AP_ROUNDINGS)}")
    if overflow is not None and overflow not in AP_OVERFLOWS:
        raise _unreadable(word, "states saturate where they are not proved to fit: AP_SAT, or nothing")
    return StateFormat(width, width - whole, None if rounding is None else AP_ROUNDINGS[rounding])


def _checked(word: str, found: StateFormat) -> StateFormat:
    if not WIDTHS[0] <= found.bits <= WIDTHS[1]:
        raise _unreadable(word, f"states have {WIDTHS[0]} to {WIDTHS[1]} bits, not {found.bits}")
    return found


def _unreadable(word: str, why: str) -> DiagnosticError:
    return fail(E177, "a format of states cannot be read", "--states", found=word, expected=EXPECTED, hint=why)
