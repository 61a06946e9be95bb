"""The pipeline: source -> model -> fixed -> mapped -> files, each stage checked against the one before.

Everything happens in memory and in a temporary folder; `artifact.write` puts the outcome where the user wants it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from compiler import discovery, report
from compiler.analysis.network_ranges import ranges_of
from compiler.certificates import certificate
from compiler.checking import checks
from compiler.checking.stimulus import affordable_samples, affordable_steps, random_inputs
from compiler.checking.verdicts import Verdict
from compiler.diagnostics import Diagnostic, DiagnosticError, declare, fail
from compiler.ir import tensors
from compiler.ir.network import Network
from compiler.ir.print import print_network
from compiler.ir.verify import verify
from compiler.options import Options
from compiler.source import Source

E120 = declare("E120", "there is no pass of that name")

MODEL_PASSES = (
    "fold_constants",
    "simplify",
    "eliminate_dead",
    "infer_shapes",
    "collect_terms",
    "fold_constants",
    "fold_gains",
    "merge_links",
    "simplify",
    "eliminate_dead",
)
SCALING_PASSES = ("invert_divisors", "shift_decays", "co_scale")
QUANTIZATION_PASSES = (*SCALING_PASSES, "calibrate", "fit_weights", "quantize")
MAPPING_PASSES = ("retime", "partition", "place", "route")

_CALIBRATION_SAMPLES, _CALIBRATION_STEPS = 32, 64

Progress = Callable[[str, float], None]
Dump = Callable[[str, str], None]


@dataclass
class Compilation:
    """Outcome of a compile; `files` are the bytes of the artifact by relative path, without its manifest."""

    source: Source
    options: Options
    target: str
    model: Network
    fixed: Network
    mapped: Network
    passes: list[str]
    files: dict[str, bytes] = field(default_factory=dict)
    verdicts: list[Verdict] = field(default_factory=list)
    report: dict[str, Any] = field(default_factory=dict)
    warnings: list[Diagnostic] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


def compile_source(
    source: Source,
    options: Options,
    target: str = "jax_fixed",
    progress: Progress = lambda stage, fraction: None,
    dump_after: Iterable[str] = (),
    dump: Dump = lambda name, text: None,
    check_passes: bool = False,
    checked: bool = True,
) -> Compilation:
    """Compile a source completely and check every stage.

    dump_after: passes after which `dump(pass, network text)` is called. check_passes: execute before and after
    every pass and compare. checked: False leaves the checks of the stages out, for what is only looked at.
    Raises DiagnosticError for anything the user can mend; a stage that is not equal to the one before is not
    raised but stands in `verdicts`.
    """
    return _Compile(source, options, target, progress, set(dump_after), dump, check_passes).execute(checked)


def lowered(source: Source, options: Options) -> Network:
    """The source at model level, after the passes that prepare it for quantization."""
    return _Compile(source, options, "jax_fixed", lambda *_: None, set(), lambda *_: None, False).lower()[1]


def quantized(source: Source, options: Options, model: Network | None = None) -> Network:
    """The source at fixed level, before it is mapped to a chip. model: what `lowered` gave, None to lower it here."""
    compile_ = _Compile(source, options, "jax_fixed", lambda *_: None, set(), lambda *_: None, False)
    return compile_.quantize(compile_.lower()[1] if model is None else model)


def calibrated(model: Network, options: Options) -> Options:
    """The options with inputs to calibrate with: a random stimulus where none are given. model: what `lowered` gave."""
    if options.calibration is not None:
        return options
    steps = affordable_steps(model, _CALIBRATION_STEPS)
    samples = affordable_samples(model, steps, _CALIBRATION_SAMPLES)
    inputs = random_inputs(model, samples, steps, options.seed)
    return replace(options, calibration=inputs, weight_rounding="nearest")


def quantization_passes(options: Options) -> tuple[str, ...]:
    """From model to fixed; a chip family with an arithmetic of its own brings its own pass (`legalise_<family>`)."""
    family = options.chip.family if options.chip else ""
    own = f"legalise_{family}"
    return (own,) if own in discovery.passes() else QUANTIZATION_PASSES


class _Compile:
    def __init__(self, source, options, target, progress, dump_after, dump, check_passes):
        self.source: Source = source
        self.options: Options = options
        self.target, self.progress, self.dump, self.check_passes = target, progress, dump, check_passes
        self.dump_after: set[str] = dump_after
        self.passes: list[str] = []
        self.seconds: dict[str, float] = {}
        for name in dump_after - set(discovery.passes()):
            raise fail(E120, f"there is no pass {name!r}", found=name, expected=", ".join(discovery.passes()))

    def execute(self, checked: bool) -> Compilation:
        raw, model = self.lower()
        fixed = self.quantize(model)
        self._timed("fit", 0.28, lambda: self._require_room(fixed))
        mapped = self._run("map", fixed, MAPPING_PASSES if self.options.chip else (), 0.3)
        compilation = Compilation(self.source, self.options, self.target, model, fixed, mapped, self.passes)
        self._timed("emit", 0.42, lambda: compilation.files.update(self._emit(mapped)))
        ranges = self._timed("prove", 0.46, lambda: ranges_of(mapped))
        proof = certificate.build(mapped, ranges, model)
        compilation.files["certificate.json"] = certificate.to_bytes(proof)
        if checked:
            compilation.verdicts.append(self._timed("prove", 0.5, lambda: checks.certified(mapped, proof)))
            self._timed("check", 0.55, lambda: compilation.verdicts.extend(checks.run(compilation, raw, self.progress)))
        compilation.report, compilation.warnings = report.build(compilation, ranges, proof)
        compilation.seconds = self.seconds
        self.progress("done", 1.0)
        return compilation

    def _require_room(self, fixed: Network) -> None:
        """Raise every limit of the chip that the network breaks, all at once."""
        chip = self.options.chip
        findings = discovery.targets()[chip.family].check(fixed, chip) if chip else []
        if findings:
            raise DiagnosticError(findings)

    def lower(self) -> tuple[Network, Network]:
        """The network as the frontend gave it, and after the model passes."""
        raw = self._timed("lower", 0.0, self.source.lower)
        return raw, self._run("model passes", raw, MODEL_PASSES, 0.1)

    def quantize(self, model: Network) -> Network:
        """The network at fixed level."""
        self.options = calibrated(model, self.options)
        if self.source.fixed is not None:
            return self._run("quantize", self.source.fixed, (), 0.15)
        return self._run("quantize", model, quantization_passes(self.options), 0.15)

    def _run(self, stage: str, network: Network, names: Iterable[str], fraction: float) -> Network:
        return self._timed(stage, fraction, lambda: self._passes(network, names))

    def _passes(self, network: Network, names: Iterable[str]) -> Network:
        _verified(network, "frontend")
        for name in names:
            before = network
            network = discovery.passes()[name].run(network, self.options)
            self.passes.append(name)
            _verified(network, name)
            if name in self.dump_after:
                self.dump(name, print_network(network))
            if self.check_passes:
                checks.check_pass(name, before, network, self.options)
        return network

    def _emit(self, mapped: Network) -> dict[str, bytes]:
        targets, chip = discovery.targets(), self.options.chip
        files = {"network.snn": print_network(mapped).encode(), "tensors.npz": tensors.to_bytes(mapped.tensors)}
        files |= targets["jax_fixed"].emit(mapped, chip)
        if chip is not None:
            files |= targets[chip.family].emit(mapped, chip)
        return files

    def _timed(self, stage: str, fraction: float, work: Callable[[], Any]) -> Any:
        self.progress(stage, fraction)
        start = time.perf_counter()
        result = work()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start
        return result


def _verified(network: Network, after: str) -> None:
    """Raise all findings of the verifier; a pass that breaks the IR is named."""
    findings = verify(network)
    if findings:
        raise DiagnosticError(replace(item, message=f"{item.message} (after {after})") for item in findings)
