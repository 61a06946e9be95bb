"""Learning rules against sums over spikes, and what they must leave alone."""

import numpy as np
import pytest

from spark.core.config import ConfigError
from spark.core.registry import concrete
from spark.nn.brain import Brain, ModuleSpecs, PortMap
from spark.nn.components.delays import N2NDelaysConfig, NDelaysConfig
from spark.nn.components.learning_rules import (
    HebbianRule,
    HebbianRuleConfig,
    LearningRule,
    OjaRule,
    QuadrupletRule,
    STDPRule,
    STDPRuleConfig,
    ThreeFactorHebbianRule,
    ThreeFactorHebbianRuleConfig,
    ZenkeRule,
)
from spark.nn.initializers import SparseUniform
from spark.nn.neurons import LIFNeuron

RULES = concrete(LearningRule)
TAU = 20.0


def run_rule(rule, pre, post, start=1.0, modulation=None):
    """The weight of one synapse after each step."""
    kernel, params, weights = np.full((1, 1), start), rule.params, []
    state = rule.initial_state_for(kernel)
    for t in range(len(pre)):
        inputs = {"pre": np.array([pre[t]]), "post": np.array([post[t]]), "kernel": kernel}
        if modulation is not None:
            inputs["modulation"] = np.float64(modulation[t])
        state, out = rule.step(state, inputs, params)
        kernel = np.asarray(out["kernel"])
        weights.append(float(kernel[0, 0]))
    return np.array(weights)


def single(rule_class, **keywords):
    return rule_class(units=(1,), dtype="float64", **keywords).build(
        {"pre": (1,), "post": (1,), "kernel": (1, 1), "modulation": ()})


def trains(seed=0, steps=300, rate=0.05):
    rng = np.random.default_rng(seed)
    return ((rng.random(steps) < rate).astype(float) for _ in range(2))


def pair_sums(pre, post):
    """Σ over pairs of exp(−|Δt|/τ), post after (or with) pre, and pre after (or with) post."""
    t_pre, t_post = np.nonzero(pre)[0], np.nonzero(post)[0]
    apart = t_post[:, None] - t_pre[None, :]
    decays = np.exp(-np.abs(apart) / TAU)
    return decays[apart >= 0].sum(), decays[apart <= 0].sum()


def test_hebbian_change_is_the_sum_over_pairs_both_ways():
    pre, post = trains()
    forward, backward = pair_sums(pre, post)
    weights = run_rule(single(HebbianRule, eta=0.001), pre, post)
    assert weights[-1] == pytest.approx(1.0 + 0.001 * (forward + backward), rel=1e-5)


@pytest.mark.parametrize("apart", [-40, -10, -1, 0, 1, 10, 40])
def test_the_stdp_window_is_exponential_on_both_sides(apart):
    pre, post = np.zeros(100), np.zeros(100)
    pre[50], post[50 + apart] = 1, 1
    change = run_rule(single(STDPRule), pre, post)[-1] - 1.0
    gain, loss = 0.01 * np.exp(-abs(apart) / TAU), -0.0105 * np.exp(-abs(apart) / TAU)
    assert change == pytest.approx({1: gain, -1: loss, 0: gain + loss}[np.sign(apart)], rel=1e-3)


def test_stdp_change_is_the_sum_over_pairs():
    pre, post = trains(1)
    forward, backward = pair_sums(pre, post)
    weights = run_rule(single(STDPRule, a_plus=1e-3, a_minus=2e-3), pre, post)
    assert weights[-1] == pytest.approx(1.0 + 1e-3 * forward - 2e-3 * backward, rel=1e-5)


def test_ojas_weight_settles_where_growth_equals_decay():
    steps = 4000
    pre, post = trains(2, steps=steps, rate=0.02)
    weights = run_rule(single(OjaRule, eta=0.002), pre, post)
    decays = np.exp(-np.arange(steps) / TAU)
    y = np.convolve(post, decays)[:steps]
    fixed = (y * pre).sum() / (y**2).sum()
    assert abs(weights[-500:].mean() - fixed) < 0.3 * abs(1.0 - fixed)


def test_a_modulator_turns_eligibility_into_weight():
    pre, post = np.eye(1, 50)[0], np.eye(1, 50)[0]
    modulation = np.zeros(50)
    modulation[20] = 3.0
    weights = run_rule(single(ThreeFactorHebbianRule), pre, post, modulation=modulation)
    assert np.all(weights[:20] == 1.0)
    assert weights[-1] == pytest.approx(1.0 + 0.01 * 3.0 * 2 * np.exp(-20 / 200), rel=1e-5)


@pytest.mark.parametrize("rule_class", [ThreeFactorHebbianRule, QuadrupletRule])
def test_without_a_modulator_nothing_is_learned(rule_class):
    pre, post = trains()
    assert set(run_rule(single(rule_class), pre, post)) == {1.0}


def test_quadruplet_change_is_its_four_terms():
    pre, post = trains(3, steps=100)
    modulation = np.random.default_rng(0).random(100)
    factors = {"q_alpha": 0.1, "q_beta": -0.2, "q_gamma": 0.3, "q_delta": 0.4}
    weights = run_rule(single(QuadrupletRule, eta=0.01, **factors), pre, post, modulation=modulation)
    x = y = 0.0
    weight = 1.0
    for t in range(100):
        x, y = x * np.exp(-0.1) + pre[t], y * np.exp(-0.1) + post[t]
        weight += 0.01 * modulation[t] * (0.1 * pre[t] - 0.2 * y * pre[t] + 0.3 * post[t] + 0.4 * x * post[t])
    assert weights[-1] == pytest.approx(weight, rel=1e-6)


def test_zenkes_terms_use_slow_traces_of_just_before_the_spike():
    pre, post = trains(4, steps=400)
    weights = run_rule(single(ZenkeRule), pre, post, start=0.4)
    x = z = slow = 0.0
    weight = reference = 0.4
    for t in range(400):
        x = x * np.exp(-1 / 20) + pre[t]
        z_before, slow_before = z * np.exp(-1 / 20), slow * np.exp(-1 / 100)
        z, slow = z_before + post[t], slow_before + post[t]
        change = (1e-3 * x * slow_before - 0.05 * (weight - reference) * z_before**3) * post[t]
        change += (2e-5 - 1e-3 * z) * pre[t]
        pull = 20 * reference * (0.25 - reference) * (0.5 - reference)
        reference += 1 / 1.2e6 * (weight - reference - pull)
        weight += change
    assert weights[-1] == pytest.approx(weight, rel=1e-5) and weights[-1] != 0.4


def test_zenkes_reference_weight_has_two_stable_points():
    rule = single(ZenkeRule, consolidation_tau=100.0)
    for start, end in ((0.1, 0.0), (0.4, 0.5)):
        state = rule.initial_state_for(np.full((1, 1), start))
        for _ in range(3000):
            quiet = {"pre": np.zeros(1), "post": np.zeros(1), "kernel": np.asarray(state["synapse"]["reference"])}
            state, _ = rule.step(state, quiet, rule.params)
        assert float(state["synapse"]["reference"][0, 0]) == pytest.approx(end, abs=0.02)


@pytest.mark.parametrize("name", RULES)
def test_the_weights_follow_the_same_course_for_any_time_step(name):
    times_pre, times_post = np.array([3, 20, 41, 60, 61, 90]), np.array([5, 25, 40, 62, 80, 91])
    ends = []
    for dt in (1.0, 0.5, 0.1):
        steps = round(100 / dt)
        pre, post, modulation = np.zeros(steps), np.zeros(steps), np.zeros(steps)
        pre[np.round(times_pre / dt).astype(int)] = 1
        post[np.round(times_post / dt).astype(int)] = 1
        modulation[np.round(np.array([30, 70]) / dt).astype(int)] = 0.5
        weights = run_rule(single(RULES[name], dt=dt), pre, post, start=0.4, modulation=modulation)
        every = weights[round(1 / dt) - 1::round(1 / dt)]
        ends.append(every)
    moved = np.max(np.abs(ends[-1] - 0.4))
    assert moved > 0
    for course in ends[:2]:
        assert abs(course[-1] - ends[-1][-1]) < 0.05 * moved


def learning(rule, **keywords):
    return LIFNeuron(units=(6,), learning_rule=RULES[rule].config_class(), synapses__scale=1e3,
                     synapses__kernel=SparseUniform(density=0.5), **keywords).build(8)


def stimulus(steps=80):
    return {"in_spikes": np.random.default_rng(0).random((steps, 8)) < 0.3, "modulation": np.full(steps, 0.1)}


@pytest.mark.parametrize("delays", [None, NDelaysConfig(max_delay=3.0), N2NDelaysConfig(max_delay=3.0)])
@pytest.mark.parametrize("rule", RULES)
def test_a_neuron_learns_with_and_without_delays(rule, delays):
    neuron = learning(rule, delays=delays)
    outputs, state = neuron.run(stimulus())
    before, after = neuron.initial_state()["kernel"], np.asarray(state["kernel"])
    assert np.any(outputs["out_spikes"]) and np.any(np.abs(after - before) > 1e-7)
    assert np.all((after >= 0) & (after <= 10.0))
    assert not np.any(after[before == 0]), "a synapse that does not exist never grows"


@pytest.mark.parametrize("rule", RULES)
def test_learning_sees_the_delayed_spikes_per_synapse(rule):
    one, other = (learning(rule, delays=kind(steps=3)) for kind in (NDelaysConfig, N2NDelaysConfig))
    np.testing.assert_allclose(one.run(stimulus())[1]["kernel"], other.run(stimulus())[1]["kernel"], rtol=1e-5)


def test_new_weights_act_from_the_next_step():
    neuron = LIFNeuron(units=(1,), learning_rule=HebbianRuleConfig(eta=0.5), synapses__kernel=[[1.0]],
                       synapses__scale=1e5, inhibitory_rate=0.0).build(1)
    run = neuron.run(np.ones((2, 1)), record=("synapses.current", "kernel"))
    current, kernel = run.recorded["synapses.current"][:, 0], run.recorded["kernel"][:, 0, 0]
    assert current[0] == pytest.approx(1e5) and kernel[0] == pytest.approx(2.0)
    assert current[1] == pytest.approx(1e5 * np.exp(-1 / 5) + 2e5)


def test_a_weight_that_reached_zero_still_exists_and_can_grow_again():
    rule = single(STDPRule, a_minus=5.0)
    pre, post = np.zeros(200), np.zeros(200)
    post[10], pre[11], pre[150], post[151] = 1, 1, 1, 1
    weights = run_rule(rule, pre, post)
    assert weights[11] == 0.0 and weights[-1] > 0


def test_reset_keeps_what_was_learned():
    neuron = learning("HebbianRule")
    for row in stimulus(30)["in_spikes"]:
        neuron(row)
    learned = np.asarray(neuron.state["kernel"])
    assert not np.array_equal(learned, neuron.params["synapses"]["kernel"])
    neuron.reset()
    np.testing.assert_array_equal(neuron.params["synapses"]["kernel"], learned)
    np.testing.assert_array_equal(neuron.state["kernel"], learned)
    assert not np.any(neuron.state["learning_rule"]["pre"]["x"])


def test_a_brain_keeps_what_its_neurons_learned_and_saves_it(tmp_path):
    import spark

    brain = Brain(inputs={"input": 8}, outputs={"output": ("a", "out_spikes")}, modules=[
        ModuleSpecs("a", learning("STDPRule"), {"in_spikes": PortMap("__call__", "input")})])
    for row in stimulus(40)["in_spikes"]:
        brain(row)
    learned = np.asarray(brain.state["a"]["kernel"])
    spark.save(brain, tmp_path / "brain.npz")
    np.testing.assert_array_equal(spark.load(tmp_path / "brain.npz").params["a"]["synapses"]["kernel"], learned)
    brain.reset()
    np.testing.assert_array_equal(brain.params["a"]["synapses"]["kernel"], learned)


def test_modulation_reaches_a_neuron_through_a_brain():
    neuron = LIFNeuron(units=(2,), learning_rule=ThreeFactorHebbianRuleConfig(), synapses__kernel=np.ones((2, 3)),
                       synapses__scale=1e5)
    brain = Brain(inputs={"input": 3, "reward": ()}, outputs={"output": ("a", "out_spikes")}, modules=[
        ModuleSpecs("a", neuron, {"in_spikes": PortMap("__call__", "input"),
                                  "modulation": PortMap("__call__", "reward")})])
    spikes = np.ones((10, 3))
    with_reward = brain.run({"input": spikes, "reward": np.ones(10)})[1]["a"]["kernel"]
    without = brain.run({"input": spikes, "reward": np.zeros(10)})[1]["a"]["kernel"]
    assert np.all(with_reward > 1.0) and np.all(without == 1.0)


def test_inhibitory_inputs_are_learned_as_magnitudes():
    neuron = LIFNeuron(units=(1,), learning_rule=STDPRuleConfig(a_plus=0.1, a_minus=0.0), synapses__scale=1e5,
                       synapses__kernel=[[1.0, 0.5]]).build(2)
    _, state = neuron.run(np.array([[1, -1]]))
    np.testing.assert_allclose(state["kernel"], [[1.1, 0.6]], rtol=1e-5)


def test_a_rule_refuses_negative_weights():
    with pytest.raises(ConfigError, match="learning rule"):
        LIFNeuron(units=(2,), inhibitory_rate=0.0, learning_rule=HebbianRuleConfig(),
                  synapses__kernel=-np.ones((2, 3))).build(3)


def test_learning_does_not_touch_a_batch_neighbour():
    neuron = learning("HebbianRule")
    spikes = np.random.default_rng(1).random((2, 50, 8)) < 0.3
    spikes[0] = 0
    _, state = neuron.run(spikes)
    np.testing.assert_allclose(state["kernel"][0], neuron.initial_state()["kernel"], rtol=1e-6)
    assert not np.allclose(state["kernel"][1], state["kernel"][0])
