"""A progress bar for anything that takes more than two seconds on a terminal; silence when piped."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import TextIO

PATIENCE = 2.0
INTERVAL = 0.2
WIDTH = 24


class Progress:
    """`with Progress() as progress: progress("quantize", 0.4)`: stage and fraction done, drawn by a thread of its own.

    Drawing waits for two seconds, and happens only where `stream` is a terminal.
    """

    def __init__(self, stream: TextIO | None = None, patience: float = PATIENCE) -> None:
        self.stream = stream or sys.stderr
        self.patience = patience
        self.stage, self.fraction = "", 0.0
        self.start = time.monotonic()
        self._done = threading.Event()
        self._drawn = False
        self._thread: threading.Thread | None = None

    def __call__(self, stage: str, fraction: float) -> None:
        """Say what is being done and how much of everything is done, in 0..1."""
        self.stage, self.fraction = stage, min(1.0, max(0.0, fraction))

    def __enter__(self) -> Progress:
        if self.stream.isatty():
            self._thread = threading.Thread(target=self._draw_until_done, daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *error: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._done.set()
        if self._thread is not None:
            self._thread.join()
        if self._drawn:
            self.stream.write("\r\x1b[K")
            self.stream.flush()

    def _draw_until_done(self) -> None:
        pause = self.patience
        while not self._done.wait(pause):
            self._draw()
            pause = INTERVAL

    def _draw(self) -> None:
        full = int(WIDTH * self.fraction)
        bar = "#" * full + "-" * (WIDTH - full)
        seconds = time.monotonic() - self.start
        self.stream.write(f"\r\x1b[K[{bar}] {100 * self.fraction:3.0f} %  {self.stage}  {seconds:.0f} s")
        self.stream.flush()
        self._drawn = True
