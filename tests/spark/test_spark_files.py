"""Files: `.scfg` configurations and `.npz` modules."""

import json
import lzma

import numpy as np
import pytest

import spark
from spark.core import registry, scfg
from spark.core.config import ConfigError, SparkConfig
from spark.core.tree import flatten
from spark.nn.brain import Brain, ModuleSpecs, PortMap, Sequential
from spark.nn.components.delays import NDelaysConfig
from spark.nn.components.somas import LeakySoma, LeakySomaConfig
from spark.nn.initializers import NormalizedSparseUniform, Uniform
from spark.nn.neurons import ALIFNeuron, LIFNeuron, LIFNeuronConfig


def a_config():
    return LIFNeuronConfig(units=(3, 2), dt=0.1, seed=0, soma__potential_tau=np.linspace(1, 2, 6).reshape(3, 2),
                           synapses__kernel=NormalizedSparseUniform(density=0.5), delays=NDelaysConfig(max_delay=3.0))


@pytest.mark.parametrize("compressed", [False, True])
def test_a_configuration_comes_back_as_it_was_written(tmp_path, compressed):
    config = a_config()
    config.write(tmp_path / "a.scfg", compressed)
    again = LIFNeuronConfig.read(tmp_path / "a.scfg")
    assert again == config and repr(again.soma.potential_tau) == repr(config.soma.potential_tau)
    assert (tmp_path / "a.scfg").read_bytes().startswith(b"\xfd7zXZ") is compressed


def test_what_was_inherited_is_inherited_again_after_reading(tmp_path):
    a_config().write(tmp_path / "a.scfg")
    assert SparkConfig.read(tmp_path / "a.scfg").replace(dt=0.2).soma.dt == 0.2


def test_a_file_is_json_of_typed_nodes(tmp_path):
    a_config().write(tmp_path / "a.scfg")
    tree = json.loads((tmp_path / "a.scfg").read_text())
    assert tree["__type__"] == "LIFNeuronConfig" and set(tree) == {"__type__", "__cfg__"}
    assert tree["__cfg__"]["delays"]["__type__"] == "NDelaysConfig"


def array_of(tree):
    return tree["__cfg__"]["soma"]["__cfg__"]["potential_tau"]["__cfg__"]


@pytest.mark.parametrize("change, message", [
    (lambda tree: tree["__cfg__"].update(typo=1), "typo"),
    (lambda tree: tree["__cfg__"]["soma"]["__cfg__"].update(tau=1), "soma.tau"),
    (lambda tree: tree["__cfg__"]["soma"].update(__type__="NoSuchConfig"), "NoSuchConfig"),
    (lambda tree: tree["__cfg__"]["soma"].update(__type__="LIFNeuron"), "configuration class"),
    (lambda tree: tree["__cfg__"]["soma"].update(extra=1), "__type__ and __cfg__ only"),
    (lambda tree: tree["__cfg__"]["soma"]["__cfg__"].update(potential_tau=-1), "soma.potential_tau"),
    (lambda tree: array_of(tree).update(shape=[5]), "soma.potential_tau"),
    (lambda tree: array_of(tree).update(dtype="O"), "dtype"),
    (lambda tree: tree["__cfg__"].pop("units"), "units"),
    (lambda tree: tree.pop("__type__"), "node"),
])
def test_a_damaged_file_is_an_error_that_names_the_place(tmp_path, change, message):
    tree = json.loads(scfg.dumps(a_config()))
    change(tree)
    (tmp_path / "a.scfg").write_text(json.dumps(tree))
    with pytest.raises(ConfigError, match=message):
        SparkConfig.read(tmp_path / "a.scfg")


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff\xfe", b"\xfd7zXZ\x00nonsense", b"[" * 100_000])
def test_what_is_not_such_a_file_is_an_error(tmp_path, data):
    (tmp_path / "a.scfg").write_bytes(data)
    with pytest.raises(ConfigError):
        SparkConfig.read(tmp_path / "a.scfg")


def test_a_compressed_file_cannot_fill_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(scfg, "SIZE_LIMIT", 10_000)
    (tmp_path / "a.scfg").write_bytes(lzma.compress(b" " * 1_000_000))
    with pytest.raises(ConfigError, match="more than"):
        SparkConfig.read(tmp_path / "a.scfg")


def test_reading_a_configuration_of_another_class_is_an_error(tmp_path):
    LeakySomaConfig().write(tmp_path / "a.scfg")
    with pytest.raises(ConfigError, match="LIFNeuronConfig"):
        LIFNeuronConfig.read(tmp_path / "a.scfg")


class MySomaConfig(LeakySomaConfig):
    """A user's own configuration."""


class MySoma(LeakySoma):
    """A user's own soma."""

    config_class = MySomaConfig


def test_a_users_own_component_is_found_and_read(tmp_path):
    LIFNeuronConfig(units=2, soma=MySomaConfig(potential_tau=3.0)).write(tmp_path / "a.scfg")
    config = LIFNeuronConfig.read(tmp_path / "a.scfg")
    assert type(config.soma) is MySomaConfig and isinstance(LIFNeuron(config).soma, MySoma)


def modules():
    wired = [ModuleSpecs("a", LIFNeuron, {"in_spikes": [PortMap("__call__", "x"), PortMap("b", "out_spikes", 3)]},
                         LIFNeuronConfig(units=4, synapses__kernel=Uniform(), synapses__scale=500.0)),
             ModuleSpecs("b", ALIFNeuron(units=(2, 2), seed=4, synapses__kernel=Uniform(), synapses__scale=900.0),
                         {"in_spikes": PortMap("a", "out_spikes")})]
    return {
        "neuron": LIFNeuron(a_config()).build(5),
        "sequential": Sequential([LIFNeuron(units=4, synapses__scale=500.0)], input_shape=(5,)),
        "brain": Brain(inputs={"x": (5,)}, outputs={"y": PortMap("b", "out_spikes")}, modules=wired),
    }


@pytest.mark.parametrize("name", ["neuron", "sequential", "brain"])
def test_a_module_comes_back_as_it_was_saved(tmp_path, name):
    module = modules()[name]
    changed = flatten(module.params)
    path = next(path for path in changed if path.endswith("kernel"))
    module.params = spark.core.tree.map_leaves(
        lambda where, leaf: leaf * 0.5 if where == path else leaf, module.params)
    spark.save(module, tmp_path / "m.npz")
    again = spark.load(tmp_path / "m.npz")
    assert type(again) is type(module)
    spikes = np.random.default_rng(0).integers(0, 2, (30, 5))
    for port, values in module.run(spikes)[0].items():
        assert np.any(values)
        np.testing.assert_array_equal(again.run(spikes)[0][port], values)
    with np.load(tmp_path / "m.npz", allow_pickle=False) as archive:
        assert all(archive[key].dtype.kind in "fiubU" for key in archive.files)


@pytest.mark.parametrize("damage", ["truncated", "pickled", "missing", "misshaped", "foreign", "text"])
def test_a_damaged_module_file_is_an_error(tmp_path, damage):
    file = tmp_path / "m.npz"
    spark.save(modules()["neuron"], file)
    with np.load(file) as archive:
        arrays = dict(archive)
    key = "params.synapses.kernel"
    if damage == "truncated":
        file.write_bytes(file.read_bytes()[:300])
    elif damage == "text":
        file.write_text("hello")
    elif damage == "foreign":
        np.savez(file, x=np.ones(3))
    else:
        arrays |= {"pickled": {key: np.array([{}], dtype=object)}, "missing": {},
                   "misshaped": {key: np.ones((2, 2))}}[damage]
        if damage == "missing":
            del arrays[key]
        np.savez(file, **arrays)
    with pytest.raises(ConfigError):
        spark.load(file)


def test_the_registry_finds_every_class_by_its_file():
    assert registry.find("LIFNeuron") is LIFNeuron
    assert {"LIFNeuron", "ALIFNeuron", "LINeuron"} <= set(registry.neurons())
    with pytest.raises(ConfigError, match="did you mean 'LIFNeuron'"):
        registry.find("LIFNeurn")
