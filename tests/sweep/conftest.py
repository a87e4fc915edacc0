"""A sweep of five repeats, which takes seconds, made once for all the tests that look at one."""

import pytest

from sweep_helpers import repeated_sweep


@pytest.fixture(scope="session")
def sweep():
    return repeated_sweep()
