"""What every test has: `np` in examples of docstrings; no deadlines; in CI the same hypothesis examples each time.

Small products gain nothing from the threads of the linear algebra library, and lose a lot where other tests run beside.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import pytest  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402

collect_ignore = ["tests/nir/norse_runner.py"]
"""A program that a test runs in an environment of its own, which has what it imports."""

settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("repeatable", settings.get_profile("patient"), derandomize=True)
settings.load_profile("repeatable" if os.environ.get("CI") else "patient")


@pytest.fixture(autouse=True)
def _names_of_examples(doctest_namespace):
    doctest_namespace["np"] = np
