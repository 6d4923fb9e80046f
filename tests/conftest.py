"""Settings that must hold before torch is imported, and what makes many tests in one process fast."""

import gc
import os

from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the tests are small: more threads only wait for one another
settings.register_profile("same examples in every run", derandomize=True)
settings.load_profile("same examples in every run")
gc.disable()  # importing and collecting make half a million objects that stay: looking through them again is in vain


def pytest_collection_finish():
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items):
    """The longest test first, so that others can run beside it."""
    items.sort(key=lambda item: "test_serving_" not in item.nodeid)
