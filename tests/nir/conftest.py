"""What of this folder is no test, and files that go wrong."""

import h5py
import nir
import pytest

from tests.nir import graphs

collect_ignore = ["norse_runner.py"]


@pytest.fixture
def written(tmp_path):
    """Writes the recurrent test graph, changed by a function of the open file; gives its path."""
    def write(change=lambda file: None, graph=None):
        path = tmp_path / "graph.nir"
        nir.write(path, graph or graphs.recurrent(0))
        with h5py.File(path, "r+") as file:
            change(file)
        return path

    return write
