"""Filters of single synapses: a population of one unit for each pair, equal to the module, on every engine."""

import numpy as np
import pytest

from compiler import chips, float_engine, interpreter
from compiler.frontends.lower import lower
from spark.nn.components.delays import N2NDelaysConfig
from spark.nn.components.synapses import RDTracedSynapsesConfig, TracedSynapsesConfig
from tests.plasticity.small import POST, PRE, compiled, learning, stimulus

TAUS = np.random.default_rng(5).uniform(2.0, 9.0, (POST, PRE))
SYNAPSES = [TracedSynapsesConfig(tau=TAUS), RDTracedSynapsesConfig(tau_decay=TAUS, tau_rise=1.0)]


@pytest.mark.parametrize("synapses", SYNAPSES, ids=["Traced", "RDTraced"])
@pytest.mark.parametrize("delays", [None, N2NDelaysConfig(max_delay=3.0)], ids=["at once", "per synapse"])
def test_the_lowered_network_filters_as_the_module_does(synapses, delays):
    module = learning(None, synapses=synapses, delays=delays)
    lowered = lower(module)
    inputs = stimulus(lowered.network, 2)
    records = [f"{name}.{state}" for name, states in (("neuron", ["v"]), ("neuron_synapses", ["z", "z_d"]))
               for state in states if state in {item.name for item in program_of(lowered, name).states}]
    found = interpreter.run(lowered.network, inputs, record=records)
    expected = float_engine.run(module, lowered, inputs, record=records)
    assert found.outputs["output"].any()
    for name in records:
        np.testing.assert_allclose(found.records[name], expected.records[name], rtol=1e-9, atol=1e-6, err_msg=name)


def program_of(lowered, name):
    return lowered.network.programs[lowered.network.node(name).site.program]


def test_all_engines_agree():
    compilation = compiled(learning(None, synapses=SYNAPSES[1]), chip=chips.load("generic"))
    verdicts = {item.stage: item for item in compilation.verdicts}
    assert verdicts["certificate"].equal == "equal" and verdicts["fixed = cores"].values
    assert "different" not in {item.equal for item in verdicts.values()}
