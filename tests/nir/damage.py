"""Changes of the files of NIR, and what reading them says."""

import h5py
import numpy as np
import pytest

from compiler.diagnostics import DiagnosticError
from compiler.source import load_source


def findings(path, **options):
    with pytest.raises(DiagnosticError) as caught:
        load_source(path, **options)
    assert all(item.place.file == str(path) for item in caught.value.diagnostics)
    return caught.value.diagnostics


def the_finding(path, **options):
    found = findings(path, **options)
    assert len(found) == 1, [str(item) for item in found]
    return found[0]


def replaced(name, value):
    """Puts another array in place of a field of a node."""
    def change(file):
        if f"node/nodes/{name}" in file:
            del file[f"node/nodes/{name}"]
        if value is not None:
            file[f"node/nodes/{name}"] = value

    return change


def edges_of(file):
    return [tuple(name.decode() for name in edge) for edge in file["node/edges"][()]]


def with_edges(edges):
    def change(file):
        found = edges(edges_of(file)) if callable(edges) else edges
        del file["node/edges"]
        file.create_dataset("node/edges", data=np.array(found, dtype=object), dtype=h5py.string_dtype())

    return change
