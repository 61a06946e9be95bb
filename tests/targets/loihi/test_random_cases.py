"""Cases made up at random, recorded by a plain model: every liberty of the format, on every engine."""

import pytest

from compiler import reference
from compiler.checking import conformance
from targets.loihi.cases import read_case
from tests.targets.loihi import recordings


def _case(tmp_path, seed: int) -> conformance.RecordedCase:
    return read_case(recordings.write(tmp_path / "case.npz", *recordings.random_case(seed)))


@pytest.mark.parametrize("seed", range(24))
def test_the_golden_model_gives_what_a_plain_model_recorded(tmp_path, seed):
    case = _case(tmp_path, seed)
    records = [name for names in case.expected for name in conformance.parts(names)]
    result = reference.run(case.network, case.inputs, record=records)
    weights = {name: case.network.tensors[f"{name}.weights"].data for names in case.weights
               for name in conformance.parts(names)}
    found = conformance.compared(case, "reference", result, weights)
    assert found.first_difference is None and found.values > 0


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(100, 112))])
def test_every_engine_gives_what_a_plain_model_recorded(tmp_path, seed):
    outcomes = list(conformance.outcomes("loihi", _case(tmp_path, seed)))
    assert [item.first_difference for item in outcomes] == [None, None, None]
