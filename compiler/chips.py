"""Chips: every limit of one chip, read from one TOML file in which each number names its source.

A chip file is `targets/<family>/chips/<name>.toml`; the file name is the registration. Every key of every
section is `key = { value = …, source = "…" }`; an unknown or missing key is an error, all at once. A limit of a core or
router that nobody has published is `value = "unknown"`: it is not enforced, and `Chip.unknown` says so. A section named
as the family holds what only this family has, by the keys of its `CHIP_FACTS`.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from compiler import discovery
from compiler.diagnostics import Diagnostic, DiagnosticError, Place, declare, fail

E430 = declare("E430", "no chip of that name")
E431 = declare("E431", "a chip file is not what it should be")

ROUNDINGS = frozenset({"floor", "zero", "even", "away", "stochastic"})

UNKNOWN = "unknown"
UNLIMITED = 1 << 62
"""What a limit that is not known is taken for."""


def _limit(section: str, meaning: str, default: Any = None) -> Any:
    """A field read from `[section]`; without a default the file must give it."""
    return field(metadata={"section": section, "meaning": meaning, "default": default})


@dataclass(frozen=True)
class Chip:
    """The limits of one chip. Memories are in bits, times in steps, costs in pJ.

    sources: where each number comes from, by `section.key`. facts: the family's own section. unknown: limits that are
    not known, and so not enforced.
    """

    name: str
    family: str
    description: str
    sources: dict[str, str] = field(compare=False)
    facts: dict[str, Any] = field(default_factory=dict, compare=False, kw_only=True)
    unknown: tuple[str, ...] = field(default=(), kw_only=True)
    width: int = _limit("mesh", "cores from west to east")
    height: int = _limit("mesh", "cores from north to south")
    neurons: int = _limit("core", "units of populations on a core")
    accumulators: int = _limit("core", "weighted sums that a core can hold, each with its delay slots")
    neuron_memory: int = _limit("core", "bits for states and for parameters of single units")
    synapse_memory: int = _limit("core", "bits for synapses")
    in_axons: int = _limit("core", "presynaptic units that can reach a core")
    out_axons: int = _limit("core", "destination cores of a core's units, summed over the units")
    fan_in: int = _limit("core", "synapses of one unit")
    profiles: int = _limit("core", "different programs and sets of shared parameters on a core")
    program_operations: int = _limit("core", "micro-operations of one program")
    routes: int = _limit("router", "different multicast trees through one router")
    delivery_delay: int = _limit("time", "steps between a spike's step and its earliest arrival")
    delay_slots: int = _limit("time", "arrival steps that a core keeps apart; delays are below it")
    weight_bits: int = _limit("formats", "widest weight")
    state_bits: int = _limit("formats", "widest state or parameter")
    accumulator_bits: int = _limit("formats", "widest weighted sum")
    event_bits: int = _limit("formats", "widest value that an event carries; 1 is a plain spike")
    roundings: tuple[str, ...] = _limit("formats", "roundings of the arithmetic")
    word_bits: int = _limit("packing", "bits of a word of synapse memory; every axon's list starts at a word")
    index_bits: int = _limit("packing", "bits that name an accumulator in a sparse synapse list")
    delay_bits: int = _limit("packing", "widest delay field of a synapse, counted from its list's least delay")
    block_synapses: int = _limit("packing", "synapses of a block, each with a head and whole words; 0: no blocks", 0)
    block_head_bits: int = _limit("packing", "bits of the head of a block", 0)
    hop_energy: float = _limit("cost", "one event over one link", 0.0)
    synapse_energy: float = _limit("cost", "one synapse of one event", 0.0)
    update_energy: float = _limit("cost", "one unit, one step", 0.0)
    spike_energy: float = _limit("cost", "one event sent", 0.0)

    @property
    def cores(self) -> int:
        """Cores in all."""
        return self.width * self.height

    @property
    def longest_delay(self) -> int:
        """Longest delay that a synapse can have, in steps."""
        return self.delay_slots - 1


LIMITS = {item.name: item.metadata for item in fields(Chip) if item.metadata}
SECTIONS = tuple(dict.fromkeys(meta["section"] for meta in LIMITS.values()))


def known() -> dict[str, Path]:
    """Every chip file by chip name."""
    return discovery.chip_files()


def load(name: str) -> Chip:
    """The chip of that name. Errors: E430 with the names there are; E431."""
    files = known()
    if name not in files:
        near = difflib.get_close_matches(name, files, n=1)
        raise fail(
            E430,
            f"there is no chip {name!r}",
            found=name,
            expected=", ".join(files) or "a file in targets/*/chips",
            hint=f"did you mean {near[0]}?" if near else "`sparkc list chips` prints them",
        )
    return read(files[name])


def read(path: Path) -> Chip:
    """Read a chip file. Errors: E431 for every fault of the file."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise fail(E431, "the chip file cannot be read", Place(file=str(path)), found=str(error)) from error
    findings = list(_findings(path, data))
    if findings:
        raise DiagnosticError(findings)
    values = {key: _value(data, key) for key in LIMITS}
    family = path.parent.parent.name
    given = ((section, key) for section in (*SECTIONS, family) for key in data.get(section, {}))
    sources = {f"{section}.{key}": data[section][key]["source"] for section, key in given}
    facts = {key: entry["value"] for key, entry in data.get(family, {}).items()}
    unknown = tuple(key for key, value in values.items() if value == UNKNOWN)
    values |= dict.fromkeys(unknown, UNLIMITED)
    return Chip(path.stem, family, data["description"], sources, **values, facts=facts, unknown=unknown)


def _facts_of(path: Path) -> dict[str, str]:
    """Keys of the family's own section, with their meaning."""
    return getattr(discovery.target(path.parent.parent.name), "CHIP_FACTS", {})


def _value(data: dict[str, Any], key: str) -> Any:
    meta = LIMITS[key]
    value = data.get(meta["section"], {}).get(key, {"value": meta["default"]})["value"]
    return tuple(value) if isinstance(value, list) else value


def _findings(path: Path, data: dict[str, Any]) -> Iterator[Diagnostic]:
    def finding(place: str, message: str, found: str = "", expected: str = "", hint: str = "") -> Diagnostic:
        return Diagnostic(E431, message, Place(file=str(path), path=place), found, expected, hint)

    if not isinstance(data.get("description"), str):
        yield finding("description", "a chip says in a sentence what it is", expected='description = "…"')
    sections = {name: value for name, value in data.items() if name != "description"}
    facts = _facts_of(path)
    family = path.parent.parent.name
    own = (family,) if facts else ()
    for name, value in sections.items():
        if name not in (*SECTIONS, *own) or not isinstance(value, dict):
            yield finding(name, "unknown key", name, ", ".join((*SECTIONS, *own)), _near(name, SECTIONS))
            continue
        expected = list(facts) if name in own else [key for key, meta in LIMITS.items() if meta["section"] == name]
        for key in value:
            if key not in expected:
                yield finding(f"{name}.{key}", "unknown key", key, ", ".join(expected), _near(key, expected))
    for key, meta in LIMITS.items():
        entry, place = data.get(meta["section"], {}), f"{meta['section']}.{key}"
        if not isinstance(entry, dict) or key not in entry:
            if meta["default"] is None:
                yield finding(
                    place, "missing key", expected=f'{key} = {{ value = …, source = "…" }}', hint=meta["meaning"]
                )
            continue
        fault = _fault(key, entry[key])
        if fault:
            yield finding(place, fault, str(entry[key]), f'{key} = {{ value = …, source = "…" }}', meta["meaning"])
    for key, meaning in facts.items():
        entry, form = data.get(family, {}), f'{key} = {{ value = …, source = "…" }}'
        fault = _form_fault(entry[key]) if isinstance(entry, dict) and key in entry else "missing key"
        if fault:
            yield finding(f"{family}.{key}", fault, expected=form, hint=meaning)
    yield from (finding(*item) for item in _contradictions(data))


def _near(name: str, names: Any) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]}?" if near else ""


def _fault(key: str, entry: Any) -> str:
    """What is wrong with one entry by itself; empty where nothing is."""
    fault = _form_fault(entry)
    if fault:
        return fault
    value = entry["value"]
    if value == UNKNOWN:
        known = LIMITS[key]["section"] in ("core", "router")
        return "" if known else f"only limits of cores and routers can be {UNKNOWN}"
    if key == "roundings":
        good = isinstance(value, list) and value and all(isinstance(item, str) for item in value)
        return "" if good and set(value) <= ROUNDINGS else f"roundings are some of {', '.join(sorted(ROUNDINGS))}"
    if key.endswith("_energy"):
        return (
            "" if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else "an energy is ≥ 0"
        )
    least = 0 if LIMITS[key]["default"] == 0 or key == "delay_bits" else 1
    good = isinstance(value, int) and not isinstance(value, bool) and value >= least
    return "" if good else f"an integer of at least {least} is needed"


def _form_fault(entry: Any) -> str:
    """What is wrong with the form of an entry."""
    if not isinstance(entry, dict) or set(entry) != {"value", "source"}:
        return "a limit is a value with its source"
    source = entry["source"]
    return "" if isinstance(source, str) and source.strip() else "a limit without its source"


def _contradictions(data: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Entries that are right by themselves and wrong together."""

    def value(section: str, key: str) -> int | None:
        entry = data.get(section, {})
        entry = entry.get(key) if isinstance(entry, dict) else None
        found = entry.get("value") if isinstance(entry, dict) else None
        return found if isinstance(found, int) else None

    delivery, slots = value("time", "delivery_delay"), value("time", "delay_slots")
    if delivery is not None and slots is not None and delivery >= slots:
        yield "time.delay_slots", "no delay slot is left after delivery", str(slots), f"more than {delivery}"
    bits, accumulators = value("packing", "index_bits"), value("core", "accumulators")
    if bits is not None and accumulators is not None and accumulators > 1 << bits:
        yield "packing.index_bits", "an index cannot name every accumulator", str(bits), f"2^bits >= {accumulators}"
    word = value("packing", "word_bits")
    if word is not None and word not in (8, 16, 32, 64):
        yield "packing.word_bits", "a word has one of 8, 16, 32, 64 bits", str(word), "8, 16, 32 or 64"
    widths = [value("formats", "weight_bits"), bits, value("packing", "delay_bits")]
    if None not in widths and sum(width or 0 for width in widths) > 57:
        yield "packing", "a synapse is wider than 57 bits", str(widths), "weight, index and delay bits of at most 57"
