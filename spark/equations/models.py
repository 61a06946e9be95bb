"""The gallery: every soma of spark written as equations, one `.eq` file each."""

from __future__ import annotations

from pathlib import Path

from spark.core.faults import ConfigError, Fault, closest

FOLDER = Path(__file__).with_name("gallery")


def gallery() -> dict[str, str]:
    """The texts of the gallery by name: the class of the soma that the text equals, and variants of some.

    >>> "LeakySoma" in gallery()
    True
    """
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.eq"))}


def gallery_text(name: str) -> str:
    """One text of the gallery. Errors: ConfigError if there is none of this name."""
    texts = gallery()
    if name not in texts:
        raise ConfigError("gallery", [Fault("name", name, "a model of the gallery", closest(name, texts))])
    return texts[name]
