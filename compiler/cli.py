"""The command line: `sparkc`. Verbs are found by file; what a person sees when something goes wrong is decided here.

Exit status: 0 well; 1 diagnostics; 2 usage; 130 interrupted; 70 our own fault, with a dump that reproduces it.
"""

from __future__ import annotations

import importlib
import logging
import os
import pkgutil
import sys
from collections.abc import Sequence

import click

from compiler import __version__, commands, faults
from compiler.diagnostics import DiagnosticError
from compiler.settings import LOGGER

DIAGNOSTICS, USAGE, INTERRUPTED, OWN_FAULT = 1, 2, 130, 70


class _Verbs(click.Group):
    """The files of `compiler/commands/`, imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        found = (item.name for item in pkgutil.iter_modules(commands.__path__))
        return sorted(name for name in found if not name.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        return importlib.import_module(f"{commands.__name__}.{cmd_name}").command


@click.command(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sparkc")
def sparkc() -> None:
    """Compile spiking networks to fixed-point JAX programs and core tables, each checked against the stage before it.

    \b
    Example:
      sparkc compile examples/digits.py -o build/digits
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command line and exit with its status."""
    sys.exit(run(list(sys.argv[1:] if arguments is None else arguments)))


class _Notes(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        click.echo(f"note: {record.getMessage()}", err=True)


def _print_notes() -> None:
    """What was assumed in reading a source goes to standard error."""
    if not any(isinstance(item, _Notes) for item in LOGGER.handlers):
        LOGGER.addHandler(_Notes())
    LOGGER.setLevel(logging.INFO)


def run(arguments: list[str]) -> int:
    """Run a command line; returns the exit status, messages go to standard error."""
    _print_notes()
    try:
        return sparkc.main(args=arguments, prog_name="sparkc", standalone_mode=False) or 0
    except DiagnosticError as error:
        click.echo("\n\n".join(str(item) for item in error.diagnostics), err=True)
        return DIAGNOSTICS
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        error.show()
        return USAGE
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted; nothing half-written is left", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DIAGNOSTICS
    except Exception as error:
        click.echo(faults.report(error, arguments), err=True)
        return OWN_FAULT


if __name__ == "__main__":
    main()
