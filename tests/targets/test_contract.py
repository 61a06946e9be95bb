"""What every target family and every chip promises, asked of whatever is found in `targets/`."""

from pathlib import Path, PurePosixPath

import numpy as np
import pytest

from compiler import artifact, chips, discovery, reference
from compiler.checking import checks
from compiler.checking.stimulus import random_inputs
from compiler.input_files import integers_of
from compiler.pipeline import Compilation, compile_source
from compiler.settings import Settings, chip_for, chips_of

SMALL = Path(__file__).parents[1] / "cli" / "sources" / "small.py"
TARGETS = sorted(discovery.targets())
PLACES = [(target, chip) for target in TARGETS for chip in chips_of(target) or ["none"]]


def _compiled(target: str, chip: str) -> Compilation:
    settings = Settings(target=target, chip=chip)
    source = settings.load(str(SMALL))
    return compile_source(source, settings.options(source), target, checked=False)


@pytest.fixture(scope="module", params=PLACES, ids=lambda place: "-".join(place))
def compiled(request) -> tuple[str, Compilation]:
    target, chip = request.param
    return target, _compiled(target, chip)


def _emitted(target: str, compilation: Compilation) -> dict[str, bytes]:
    return discovery.targets()[target].emit(compilation.mapped, compilation.options.chip)


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_has_what_the_compiler_asks_for(target):
    module = discovery.targets()[target]
    assert isinstance(module.ENGINE, str) and module.__doc__
    assert all(callable(getattr(module, name)) for name in ("check", "emit", "run"))


def test_no_engine_is_called_like_one_that_no_target_has():
    assert not {"reference", "float"} & {module.ENGINE for module in discovery.targets().values()}


def test_what_fits_is_not_reported(compiled):
    target, compilation = compiled
    assert discovery.targets()[target].check(compilation.fixed, compilation.options.chip) == []


def test_files_are_the_same_every_time_and_stay_in_their_folder(compiled):
    target, compilation = compiled
    files = _emitted(target, compilation)
    assert files and files == _emitted(target, compilation)
    for name in files:
        parts = PurePosixPath(name).parts
        assert not PurePosixPath(name).is_absolute() and ".." not in parts


def test_a_run_from_the_files_alone_is_the_golden_model_bit_for_bit(compiled, tmp_path):
    """Outputs, every record and the final state, from the start and going on from a state.

    Families may share an engine: any of those that do has to run the files of the others.
    """
    target, compilation = compiled
    artifact.write_files(_emitted(target, compilation), tmp_path)
    network, targets = compilation.mapped, discovery.targets()
    sharing = {name: item for name, item in targets.items() if item.ENGINE == targets[target].ENGINE}
    module = next((item for name, item in sharing.items() if name != target), targets[target])
    records = checks.every_record(network)
    inputs = integers_of(network, random_inputs(network, 3, 9, seed=1))
    state = None
    for _ in range(2):
        expected = reference.run(network, inputs, state, records)
        found = module.run(tmp_path, inputs, state, records)
        for left, right in ((expected.outputs, found.outputs), (expected.records, found.records),
                            (expected.state, found.state)):
            assert left.keys() == right.keys()
            assert all(np.array_equal(left[name], right[name]) for name in left)
            assert {name: value.dtype for name, value in left.items()} == {
                name: np.asarray(value).dtype for name, value in right.items()}
        state = expected.state


@pytest.mark.parametrize("name", sorted(discovery.chip_files()))
def test_every_limit_of_a_chip_names_its_source(name):
    chip = chips.load(name)
    assert chip.description and chip.sources and all(text.strip() for text in chip.sources.values())
    assert chip.family in TARGETS and chip_for(chip.family, name) == name
