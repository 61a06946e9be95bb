"""`sparkc simulate`: run an artifact or a source on inputs from a file."""

from __future__ import annotations

import re
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from compiler.commands import _options, _output
from compiler.settings import Settings

if TYPE_CHECKING:
    from compiler.input_files import Stimulus
    from compiler.results.recording import Recording
    from compiler.simulation import Subject

ENGINES = ("float", "program", "reference", "cores")
RECORD = re.compile(r"\w+(\.\w+)+(\[\d*:\d*\])?(@every=\d+)?")


class _Simulate(click.Command):
    """Takes several names after one `--record`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, _one_record_each(args))


def _one_record_each(words: list[str]) -> list[str]:
    """`--record a.v b.v` as `--record a.v --record b.v`; words that are files are left alone."""
    given: list[str] = []
    for word in words:
        follows = len(given) > 1 and given[-2] == "--record"
        if follows and RECORD.fullmatch(word) and not Path(word).exists():
            given.append("--record")
        given.append(word)
    return given


@click.command("simulate", cls=_Simulate)
@click.argument("source", metavar="SOURCE|ARTIFACT")
@click.option("--input", "input_file", type=click.Path(), required=True, metavar="FILE.npz",
              help="Inputs: one array [T, n] or [B, T, n] for each input name.")
@click.option("--output", type=click.Path(), metavar="FILE.npz", help="Where outputs and records are written.")
@click.option("--record", multiple=True, metavar="NAME", help="Also pop.v, pop.spikes[0:8]@every=10, …; repeatable.")
@click.option("--engine", type=click.Choice(ENGINES), help="Default: float for a source, program for an artifact.")
@click.option("--raw", is_flag=True, help="Integers as they are, instead of physical units.")
@click.option("--state-in", type=click.Path(), metavar="FILE.npz", help="Continue from this state.")
@click.option("--state-out", type=click.Path(), metavar="FILE.npz", help="Write the state at the end.")
@_options.compile_options
@_output.json_option
def command(
    source: str, input_file: str, output: str | None, record: tuple[str, ...], engine: str | None, raw: bool,
    state_in: str | None, state_out: str | None, settings: Settings, json_file: str | None,
) -> None:
    """Run an artifact from its folder alone, or a source as it stands, and write what came out.

    The integer engines program, reference and cores give the same bytes. A source on one of them is compiled first.

    \b
    Example:
      sparkc simulate examples/digits.py --input examples/digits_sample.npz --output build/spikes.npz
    """
    from compiler import files
    from compiler.input_files import read_stimulus
    from compiler.progress import Progress
    from compiler.results import archive
    from compiler.results.recording import Recording, record_run
    from compiler.simulation import open_subject

    for path in filter(None, (output, state_out)):
        files.check_writable(Path(path))
    with ExitStack() as stack:
        progress = stack.enter_context(Progress())
        progress("load", 0.0)
        subject = open_subject(stack, source, engine, settings, progress)
        if raw and subject.engine == "float":
            raise click.UsageError("--raw gives integers; choose --engine program, reference or cores")
        stimulus = read_stimulus(Path(input_file), subject.network)
        records = archive.parse_records(record, subject.network)
        state = subject.read_state(Path(state_in), stimulus.samples) if state_in else None
        recording = stack.enter_context(Recording(subject.network, records, stimulus, raw))
        start = time.perf_counter()
        final = record_run(subject.run, recording, stimulus, state, progress)
        seconds = time.perf_counter() - start
        if output:
            recording.save(Path(output))
        if state_out:
            archive.write_state(Path(state_out), final)
        told = _described(subject, stimulus, recording)
    _print(told, output)
    _output.write_json(json_file, told | {"seconds": {"run": seconds}})


def _described(subject: Subject, stimulus: Stimulus, recording: Recording) -> dict[str, Any]:
    arrays = {
        name: {"shape": list(rows.shape if recording.batched else rows.shape[1:]), "dtype": str(rows.dtype),
               "low": rows.min(), "high": rows.max(), "nonzero": int((rows != 0).sum())}
        for name, rows in recording.arrays.items()
    }
    return {"name": subject.name, "engine": subject.engine, "samples": stimulus.samples, "steps": stimulus.steps,
            "raw": recording.raw, "arrays": arrays}


def _print(told: dict[str, Any], output: str | None) -> None:
    click.echo(f"{told['name']} on {told['engine']}: {told['samples']} samples, {told['steps']} steps")
    rows = [[name, " x ".join(map(str, item["shape"])), f"{item['low']:.6g} .. {item['high']:.6g}",
             f"{_output.thousands(item['nonzero'])} nonzero"] for name, item in told["arrays"].items()]
    _output.table(rows, indent="  ")
    if output:
        click.echo(f"wrote {output}")
