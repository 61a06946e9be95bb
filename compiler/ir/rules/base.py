"""What a rule is: a function of a network and one thing in it that yields diagnostics.

Rules run in stages. What fails in one stage, and what is built on it, is left out of the next: an undefined
name is reported once and not followed by guesses about its type.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from compiler.diagnostics import Diagnostic, Place
from compiler.ir.network import LEVELS, Network, Population, Projection
from compiler.ir.program import Program, Site, TensorRef

NAMES, TYPES, NUMBERS = range(3)
INTEGER_LEVELS = ("fixed", "mapped")

Check = Callable[[Network, Any], Iterable[Diagnostic]]


@dataclass(frozen=True)
class Rule:
    """A demand on every subject of some kinds, at some levels."""

    demand: str
    kinds: tuple[str, ...]
    stage: int
    levels: tuple[str, ...]
    check: Check


RULES: list[Rule] = []


def rule(*kinds: str, stage: int, levels: tuple[str, ...] = LEVELS) -> Callable[[Check], Check]:
    """Registers a function `check(network, item)` as a rule for things of these kinds."""

    def register(check: Check) -> Check:
        RULES.append(Rule(check.__name__, kinds, stage, levels, check))
        return check

    return register


def all_rules() -> list[Rule]:
    """Every rule of this folder, in the order of the files."""
    package = importlib.import_module("compiler.ir.rules")
    for module in sorted(item.name for item in pkgutil.iter_modules(package.__path__)):
        importlib.import_module(f"{package.__name__}.{module}")
    return RULES


@dataclass(frozen=True)
class TensorEntry:
    """A tensor with the name it is filed under."""

    name: str


@dataclass(frozen=True)
class ProgramEntry:
    """A program with the name it is filed under."""

    name: str
    program: Program


@dataclass(frozen=True)
class SiteEntry:
    """A site: its name, who has it, its units and the shapes that one value per unit may have."""

    name: str
    owner: str
    site: Site
    shapes: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Subject:
    """A thing that rules are about. needs: labels of what it is built on."""

    kind: str
    label: str
    item: Any
    needs: frozenset[str] = field(default_factory=frozenset)


def subjects(network: Network) -> Iterator[Subject]:
    """Everything in a network, what others are built on first."""
    yield from (Subject("tensor", f"tensor #{name}", TensorEntry(name)) for name in sorted(network.tensors))
    for name, program in sorted(network.programs.items()):
        tables = {item.name for item in program.uses() if isinstance(item, TensorRef)}
        yield Subject("program", f"program @{name}", ProgramEntry(name, program), _tensors(tables))
    yield from (Subject("input", f"input %{item.name}", item) for item in network.inputs)
    for item in network.populations:
        entry = SiteEntry(item.name, f"population %{item.name}", item.site, ((item.size,), item.shape))
        yield _site(entry)
        yield Subject("population", entry.owner, item, frozenset({f"site {item.name}"}))
    for item in network.projections:
        yield from _projection(network, item)
    for item in network.outputs:
        yield Subject("output", f"output %{item.name}", item, frozenset({f"population %{item.source}"}))
    yield Subject("network", "network", network)


def _projection(network: Network, item: Projection) -> Iterator[Subject]:
    source, target = item.source, item.target
    pre, post = network.size_of(source), network.size_of(target)
    shapes = {
        "pre": ((pre,), network.shape_of(source)),
        "post": ((post,), network.shape_of(target)),
        "synapse": ((post * pre,), (post, pre)),
    }
    sites = [SiteEntry(f"{item.name}.{name}", f"projection %{item.name}, {name}", site, shapes[name])
             for name, site in item.sites()]
    yield from map(_site, sites)
    needs = {f"site {entry.name}" for entry in sites} | {f"population %{target}"}
    needs.add(f"{'population' if isinstance(network.node(source), Population) else 'input'} %{source}")
    needs |= _tensors(name for link in item.chain for name in link.references())
    needs |= _tensors(value.name for value in (item.delay, item.bias) if isinstance(value, TensorRef))
    yield Subject("projection", f"projection %{item.name}", item, frozenset(needs))


def _site(entry: SiteEntry) -> Subject:
    needs = {f"program @{entry.site.program}", *_tensors(entry.site.references())}
    return Subject("site", f"site {entry.name}", entry, frozenset(needs))


def _tensors(names: Iterable[str]) -> frozenset[str]:
    return frozenset(f"tensor #{name}" for name in names)


def program_place(program: Program, name: str = "") -> Place:
    """A program, or one name in it."""
    return Place(path=f"program @{program.name}" + (f", {name}" if name else ""))


def projection_place(projection: Projection) -> Place:
    return Place(path=f"projection %{projection.name}")


def is_count(value: object) -> bool:
    """Whether a value is a whole number, 0 or more."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and bool(value >= 0)


def listed(names: Iterable[object]) -> str:
    """Names for a diagnostic; `nothing` where there are none."""
    return ", ".join(map(str, names)) or "nothing"
