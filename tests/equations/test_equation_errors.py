"""What can be wrong with equations: the message, the place and the hint of each fault."""

import pickle

import numpy as np
import pytest

from spark.core.config import ConfigError
from spark.equations import EquationError, EquationSomaConfig, neuron

TEXT = """\
dv/dt = (v_rest - v + R*I)/tau : mV
tau = 20 ms in (0, 1000] "Membrane."
R = 0.1 GΩ
v_rest = -60 mV
v(0) = v_rest
threshold: v > -40 mV
reset: v = -50 mV
refractory: 2 ms
"""

# What to replace, by what: then line and column (from 1), the message, and a part of the hint.
WRONG = [
    ("R*I", "Q*I", 1, 23, "`Q` is not declared", "declare it"),
    ("(v_rest", "(vrest", 1, 10, "`vrest` is not declared", "did you mean 'v_rest'?"),
    ("R*I", "R*I*t", 1, 27, "`t` is not declared", "make what depends on it an input"),
    ("/tau", "", 1, 21, "the right-hand side of dv/dt has another dimension", "a derivative is per time"),
    ("R*I", "I", 1, 21, "the sides of `+` have different dimensions", ""),
    ("R*I", "R*I + 5", 1, 27, "the sides of `+` have different dimensions", "give the plain number its unit"),
    ("R*I", "exp(v)*1 mV", 1, 27, "the argument of `exp` is a plain number", "divide it by a quantity"),
    ("R*I", "sin(v/(1 mV))*1 mV", 1, 23, "there is no function `sin`", "make an input"),
    ("R*I", "ln(v/(1 mV))*1 mV", 1, 23, "there is no function `ln`", "write `log(x)`"),
    ("R*I", "clip(v, 1 mV)", 1, 23, "`clip` takes 3 arguments", ""),
    ("R*I", "v^1.5/(1 mV)", 1, 25, "the power of a quantity with a unit is a whole number", ""),
    ("R*I", "(1 mV if v else 2 mV)", 1, 32, "a condition is needed here", "compare it"),
    ("R*I", "(v > 0 mV)", 1, 26, "a truth value is no number", "1 if condition else 0"),
    ("R*I", "(v > 0 mV ? v : v)", 1, 33, "a character that no equation has", "a if condition else b"),
    ("R*I)", "R*I", 1, 31, "this is no statement", "a bracket is not closed"),
    ("v + R", "v R", 1, 21, "this is no statement", "statements:"),
    ("/tau", "/0 ms", 1, 27, "division by nought", ""),
    (" : mV\n", "\n", 1, 31, "this is no statement", "a differential equation ends in its unit"),
    ("20 ms", "20 msec", 2, 10, "`msec` is no unit", "did you mean 'ms'?"),
    ("20 ms", "20 msecond", 2, 10, "`msecond` is no unit", "write `ms`"),
    ("-60 mV", "-0.06 volt", 4, 16, "`volt` is no unit", "write `V`"),
    ("R*I", "R*I + xi", 1, 29, "`xi` is not declared", "make it an input"),
    ("dv/dt =", "v' =", 1, 2, "a character that no equation has", "written dv/dt"),
    ("20 ms", "1e999 ms", 2, 7, "a number is too large", ""),
    ("20 ms", "2000 ms", 2, 1, "the default of `tau` is out of its bounds", ""),
    ("(0, 1000]", "(30, 10]", 2, 16, "the bounds enclose nothing", ""),
    ("(0, 1000]", "(0 mV, 1000]", 2, 16, "a bound has another dimension than its parameter", ""),
    ("tau = 20", "τ = 20", 2, 1, "a name is made of ASCII letters", "tau for τ"),
    ("tau = 20", "exp = 20", 2, 1, "the name `exp` is taken", "choose another name"),
    ("R = 0.1 GΩ", "R = 0.1 GΩ : mV", 3, 1, "the default of `R` has another dimension", ""),
    ("R = 0.1 GΩ", "R = 2*S\nS = R/2", 3, 1, "`R` needs its unit", "only a parameter"),
    ("R = 0.1 GΩ", "R = 2*Q : GΩ\nQ = R/2 : GΩ", 3, 1, "`R` is defined by itself", "is a state"),
    ("v(0) = v_rest", "v(0) = v", 5, 8, "the start value of `v` depends on what changes in time", ""),
    ("v(0) = v_rest", "v(1) = v_rest", 5, 3, "a start value is that of time 0", ""),
    ("v(0) = v_rest", "R(0) = 1 GΩ", 5, 1, "a start value belongs to a state", ""),
    ("v(0) = v_rest", "v(0) = v_rest\nv(0) = 1 mV", 6, 1, "`v` has two start values", ""),
    ("v > -40 mV", "v", 6, 12, "a threshold is a condition", "threshold: v > theta"),
    ("v > -40 mV", "v = -40 mV", 6, 14, "this is no statement", "compare with < or >"),
    ("v > -40 mV", "-40 mV < v < 9 mV", 6, 23, "this is no statement", "joined by `and`"),
    ("threshold: v > -40 mV\n", "", 6, 1, "a `reset` without a threshold", "add `threshold: v > …`"),
    ("reset: v", "reset: q", 7, 8, "a reset belongs to a state", ""),
    ("reset: v = -50 mV", "reset: v = 1 ms", 7, 12, "what `v` is reset by has another dimension", ""),
    ("2 ms", "2 mV", 8, 13, "the refractory time has another dimension", ""),
    ("2 ms", "v/(1 mV)*1 ms", 8, 21, "the refractory time depends on what changes in time", ""),
    ("refractory: 2 ms", "R = 3 GΩ", 8, 1, "`R` is declared twice", ""),
    ("refractory: 2 ms", "threshold: v > 1 mV", 8, 1, "there are two statements `threshold`", ""),
    ("refractory: 2 ms", "integrator: rk4", 8, 13, "there is no integrator `rk4`", ""),
    ("refractory: 2 ms", "output: v", 8, 9, "a model with a threshold puts out spikes", "leave `output` out"),
    ("refractory: 2 ms", "dw/dt = v : mV (unless refractory)", 8, 1, "`unless refractory` without a refractory", ""),
    ("refractory: 2 ms", "dt: 2 mV", 8, 7, "a time step is a time", ""),
    ("refractory: 2 ms", "units: 0", 8, 8, "units are counted", ""),
]


def faults(text, **keywords):
    with pytest.raises(EquationError) as caught:
        neuron(text, **keywords)
    return caught.value


@pytest.mark.parametrize("old, new, line, column, message, hint", WRONG, ids=[f"{w[1]}-{w[4]}"[:60] for w in WRONG])
def test_a_fault_says_where_and_what_and_what_to_do(old, new, line, column, message, hint):
    assert old in TEXT
    found = faults(TEXT.replace(old, new, 1)).problems[0]
    assert message in found.problem.message and hint in found.problem.hint
    shown = str(found).splitlines()
    assert shown[0].startswith(f"line {found.line}, column {found.column}: ")
    assert shown[2].index("^") == shown[1].index(found.excerpt or "|") + found.column - 1
    assert (found.line, found.column) == (line, column)


def test_every_fault_is_told_at_once():
    found = faults(TEXT.replace("R*I", "Q*I").replace("reset: v", "reset: q").replace("2 ms", "2 mV"))
    assert [item.line for item in found.problems] == [1, 7, 8]
    assert len(found.faults) == 3 and str(found).count("^") == 3


IMPOSSIBLE = [
    ("exact", "v*v/(1 mV)", "`*` is not linear in v", "exponential_euler, midpoint or euler"),
    ("exact", "v*(I/(1 pA))", "a coefficient of dv/dt changes in time", "exponential_euler"),
    ("exponential_euler", "exp(v/(1 mV))*1 mV", "`exp` is not linear in v", "midpoint or euler"),
]


@pytest.mark.parametrize("integrator, term, message, hint", IMPOSSIBLE)
def test_an_integrator_that_is_impossible_says_why_and_what_is_possible(integrator, term, message, hint):
    text = TEXT.replace("R*I", term)
    for found in (faults(text + f"integrator: {integrator}"), faults(text, integrator=integrator)):
        problem = found.problems[0]
        assert problem.line == 1
        assert problem.problem.message == f"integrator `{integrator}` is impossible here: {message}"
        assert hint in problem.problem.hint
    neuron(text)


def test_the_midpoint_rule_has_no_new_values():
    text = TEXT + "dw/dt = (new(v) - w)/(10 ms) : mV\nintegrator: midpoint\n"
    assert "all states move together" in faults(text).problems[0].problem.message
    neuron(text.replace("midpoint", "automatic"))


def test_new_values_do_not_go_round_in_a_circle():
    text = TEXT.replace("R*I", "new(w)") + "dw/dt = (new(v) - w)/(10 ms) : mV\n"
    assert "go round in a circle" in faults(text, integrator="euler").problems[0].problem.message


@pytest.mark.parametrize("keywords, shown", [
    ({"tau": -1}, "tau = -1.0: must be > 0 and <= 1000 ms"), ({"tua": 3}, "did you mean 'tau'"),
    ({"tau": [1.0, 2.0, 3.0]}, "shape"), ({"tau": [1.0, 0.0], "units": (2,)}, r"0.0 at \[1\]"),
    ({"integrator": "exac"}, "one of 'automatic', 'exact'"), ({"dt": -1}, "dt = -1"), ({"tau": "long"}, "a number")])
def test_a_wrong_keyword_names_value_and_bound(keywords, shown):
    with pytest.raises(ConfigError, match=shown):
        neuron(TEXT, **keywords)


@pytest.mark.parametrize("text", ["", "   \n# nothing\n", "\x00", "(" * 500, "dv/dt = " + "(" * 200, "a" * 200_000,
                                  "dv/dt = -v/(1 ms) : 1 : 1", "dv/dt =\n", ": mV", "=" * 40, "v(0) = 1", "reset:",
                                  "dv/dt = " + "-" * 300 + "v/(1 ms) : 1", '"open', "dv/dt = -v/ms : 1\n∂v = 2"])
def test_no_text_is_met_with_anything_but_a_fault(text):
    assert faults(text).problems


def test_a_configuration_says_the_same():
    with pytest.raises(ConfigError, match="`Q` is not declared"):
        EquationSomaConfig(equations=TEXT.replace("R*I", "Q*I"))


def test_a_fault_survives_a_pickle():
    found = faults(TEXT.replace("R*I", "Q*I"))
    again = pickle.loads(pickle.dumps(found))
    assert str(again) == str(found) and again.problems == found.problems


def test_a_system_that_explodes_within_a_step_is_refused():
    with pytest.raises(ConfigError, match="explodes"):
        neuron("dv/dt = (v + w)/(1e-4 ms) : 1\ndw/dt = v/(1e-4 ms) : 1", units=(1,), dt=1000.0)
    assert np.isfinite(neuron("dv/dt = -v/(1e-4 ms) : 1", dt=1.0).run(np.ones((2, 1)))[0]["potential"]).all()
