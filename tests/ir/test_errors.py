"""One expected message per error code of the IR.

A case of `errors/` is named by its code: lines `- old`, `+ new` that change `base.snn`, an empty line, and what
the user reads. UPDATE_GOLDEN=1 writes the messages anew; read the difference before you keep it.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import compiler.ir
from compiler import diagnostics
from compiler.diagnostics import Diagnostic, DiagnosticError
from compiler.formats import Format, parse_type, storage_dtype
from compiler.ir.network import Network, Population, Projection, Tensor
from compiler.ir.parse import parse
from compiler.ir.tensors import tensor_hash
from compiler.ir.verify import load, verify

FOLDER = Path(__file__).parent / "errors"
UNWRITABLE = {"E263"}
"""What no text can say; built by hand below."""

CASES = sorted(FOLDER.glob("E*.txt"))


def with_data(text: str) -> tuple[str, dict[str, np.ndarray]]:
    """Fills in hashes and makes the arrays of lines `// #name = [...]`."""
    data = {name: json.loads(values) for name, values in re.findall(r"^// #(\S+) = (.*)$", text, re.M)}
    arrays = {}
    for name, type_ in re.findall(r"^tensor #(\S+) : ([^\[]+)", text, re.M):
        if name in data:
            arrays[name] = np.array(data[name]).astype(storage_dtype(parse_type(type_)))
            digest = tensor_hash(Tensor(parse_type(type_), arrays[name]))
            text = re.sub(rf"(tensor #{name} :.*sha256:)HASH", rf"\g<1>{digest}", text)
    return text, arrays


def changed(text: str, edits: Iterable[str]) -> str:
    """The base after the edits of a case: `- old`, `+ new` replaces; a `+` alone adds a line at the end."""
    hole = "\0"
    for mark, part in ((line[0], line[2:]) for line in edits):
        if mark == "-":
            assert part in text, f"the base has no {part!r}"
            text = text.replace(hole, "").replace(part, hole, 1)
        elif hole in text:
            text = text.replace(hole, part)
        else:
            text += part + "\n"
    return text.replace(hole, "")


def message_of(text: str) -> str:
    full, arrays = with_data(text)
    try:
        load(full, arrays, "net.snn")
    except DiagnosticError as error:
        return str(error)
    return "no error"


def codes_of_the_ir() -> set[str]:
    """Every E2xx that a module of compiler/ir declares."""
    for module in pkgutil.walk_packages(compiler.ir.__path__, "compiler.ir."):
        importlib.import_module(module.name)
    text = "".join(path.read_text() for path in Path(compiler.ir.__path__[0]).rglob("*.py"))
    return {code for code in diagnostics.CODES if code.startswith("E2") and f'declare("{code}"' in text}


def test_every_code_of_the_ir_has_a_case():
    assert codes_of_the_ir() - {path.stem.split("_")[0] for path in CASES} == UNWRITABLE


def test_the_base_of_all_cases_is_valid():
    assert message_of((FOLDER / "base.snn").read_text()) == "no error"


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_message(path: Path):
    case = path.read_text()
    head, _, expected = case.partition("\n\n")
    found = message_of(changed((FOLDER / "base.snn").read_text(), head.splitlines()))
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(f"{head}\n\n{found}\n")
        expected = f"{found}\n"
    assert found + "\n" == expected
    assert f"[{path.stem.split('_')[0]}]" in found


def whole_base() -> Network:
    text, arrays = with_data((FOLDER / "base.snn").read_text())
    return parse(text, arrays)


def findings_with(*items: Population | Projection, **tensors: Tensor) -> list[Diagnostic]:
    network = whole_base()
    network.tensors.update(tensors)
    for item in items:
        network.add(item)
    return verify(network)


def test_e263_a_bias_starts_at_a_step():
    item = replace(whole_base().projection("in_hid"), bias_start=-1)
    assert [str(found) for found in findings_with(item)] == [
        "error[E263]: the bias of %in_hid starts at no step\n"
        "  --> projection %in_hid\n"
        "  found:    -1\n"
        "  expected: a whole number, 0 or more"
    ]


def test_e241_a_tensor_is_stored_as_its_type_says():
    wide = Tensor(Format(True, 4, 2), np.array([[1, 2, -3], [3, 4, 7]], np.int64))
    assert [str(found) for found in findings_with(w=wide)] == [
        "error[E241]: the array has another dtype\n"
        "  --> tensor #w\n"
        "  found:    int64\n"
        "  expected: int8, as its type is s4.2"
    ]
