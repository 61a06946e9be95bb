"""Functions of state in certificates: covered by blocks where the domain is large, and every number of them checked."""

import copy

import pytest

from compiler.certificates.checker import check
from tests.analysis import test_certificate
from tests.analysis.test_certificate import at, numbers
from tests.passes.texts import one_program


def certified(body: str, **options):
    return test_certificate.certified(one_program(body), **options)


@pytest.fixture(scope="module")
def root():
    """A square root of a state of 30 bits: half a milliard arguments."""
    return certified("%a = abs v : f64\n%t = sqrt %a : f64\n%c = mul 0.5, %t : f64\n%u = add %c, x : f64\n"
                     "v' = %u\nemit y = %u", state_bits=30)


def test_a_large_domain_is_covered_and_its_bound_near_half_a_last_bit(root):
    network, certificate = root
    [entry] = certificate["functions"]
    domain = entry["arguments"][0]["high"] - entry["arguments"][0]["low"]
    assert entry["method"] == "covered" and domain > 1 << 22
    assert entry["points"] == domain + 1 > 100 * (entry["tried"] + entry["blocks"])
    assert 0.5 < entry["bound"] < 1
    assert check(network, certificate) == []


def test_every_number_of_a_covered_function_is_checked(root):
    network, certificate = root
    for path in numbers(certificate["functions"], ("functions",)):
        value = at(certificate, path)
        for by in (-1, 1) if isinstance(value, int) else (-1e-4, 1e-4, -2e-3, 2e-3):
            other = copy.deepcopy(certificate)
            at(other, path[:-1])[path[-1]] += by
            assert check(network, other), f"{path} {by:+}"


def test_another_method_is_found(root):
    network, certificate = root
    other = copy.deepcopy(certificate)
    other["functions"][0]["method"] = "enumerated"
    assert check(network, other)
