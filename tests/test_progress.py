"""Progress is drawn on a terminal, after a while, and nowhere else."""

import io
import time

from compiler.progress import Progress


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def _drawn(stream: io.StringIO, patience: float) -> str:
    with Progress(stream, patience) as progress:
        progress("quantize", 0.5)
        time.sleep(0.1)
    return stream.getvalue()


def test_a_bar_shows_stage_and_fraction_and_is_wiped_at_the_end():
    text = _drawn(Terminal(), patience=0.01)
    assert "[############------------]  50 %  quantize" in text and text.endswith("\r\x1b[K")


def test_nothing_is_drawn_before_two_seconds_have_passed():
    assert Progress().patience == 2.0 and _drawn(Terminal(), patience=60) == ""


def test_nothing_is_drawn_where_nobody_looks():
    assert _drawn(io.StringIO(), patience=0.01) == ""


def test_fractions_stay_between_nothing_and_everything():
    progress = Progress(io.StringIO())
    for given, kept in ((-1, 0.0), (0.3, 0.3), (7, 1.0)):
        progress("map", given)
        assert progress.fraction == kept
