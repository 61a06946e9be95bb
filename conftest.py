"""What every test has: `np` in examples of docstrings."""

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _names_of_examples(doctest_namespace):
    doctest_namespace["np"] = np
