"""Settings that must hold before torch is imported, and what makes many tests in one process fast."""

import gc
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the tests are small: more threads only wait for one another
gc.disable()  # importing and collecting make half a million objects that stay: looking through them again is in vain


def pytest_collection_finish():
    gc.freeze()
    gc.enable()
