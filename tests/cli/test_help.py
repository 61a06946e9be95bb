"""Help texts are complete, quick, and their examples are command lines."""

import resource
import shlex
import subprocess
import sys

import click
import pytest

from compiler import cli

CONTEXT = click.Context(cli.sparkc, info_name="sparkc")
VERBS = cli.sparkc.list_commands(CONTEXT)


def examples(verb: str) -> list[list[str]]:
    """The words of every example of a help text."""
    command = cli.sparkc.get_command(CONTEXT, verb)
    assert command is not None
    lines = (command.help or "").partition("Example:")[2].splitlines()
    return [shlex.split(line.strip()) for line in lines if line.strip()]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_an_example_of_itself(verb, sparkc):
    done = sparkc(verb, "--help")
    assert done.status == 0 and "Example:" in done.out
    assert examples(verb) and all(words[:2] == ["sparkc", verb] for words in examples(verb))


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_writes_json(verb):
    command = cli.sparkc.get_command(CONTEXT, verb)
    assert command is not None
    assert any("--json" in item.opts for item in command.params)


@pytest.mark.parametrize("verb", ["check", "compare", "compile", "inspect", "simulate"])
def test_every_verb_that_takes_a_source_takes_the_settings_of_sources(verb):
    command = cli.sparkc.get_command(CONTEXT, verb)
    assert command is not None
    given = {word for item in command.params for word in item.opts}
    assert given >= {"--dt", "--reset", "--recurrent-delay", "--recurrent-start", "--precision", "--calibration",
                     "--readout"}


def test_every_verb_is_in_the_help_of_sparkc(sparkc):
    done = sparkc("--help")
    assert done.status == 0 and all(f"  {verb} " in done.out for verb in VERBS)


def test_help_comes_within_half_a_second():
    """Processor time of the best of three runs in a process of its own: what a person waits for on an idle machine."""
    def seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "compiler.cli", "--help"], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(3)) < 0.5


def test_a_wrong_command_line_is_status_2(sparkc):
    for words in (["compille"], ["compile"], ["compile", "x.py", "--weights", "99"], ["list", "birds"]):
        done = sparkc(*words)
        assert done.status == 2 and "Usage:" in done.err


def test_the_settings_offered_are_those_that_exist():
    """Choices stand in a light file so that help is quick; the tables they repeat say the same."""
    from compiler import settings
    from compiler.formats import ROUNDINGS
    from compiler.results.readout import SCORES

    assert tuple(SCORES) == settings.READOUTS and set(settings.ROUNDINGS) == set(ROUNDINGS)
