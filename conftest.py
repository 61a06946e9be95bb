"""What every test has: `np` in examples of docstrings; no deadlines; in CI the same hypothesis examples each time."""

import os

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("repeatable", settings.get_profile("patient"), derandomize=True)
settings.load_profile("repeatable" if os.environ.get("CI") else "patient")


@pytest.fixture(autouse=True)
def _names_of_examples(doctest_namespace):
    doctest_namespace["np"] = np
