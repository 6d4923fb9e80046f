"""Settings that must hold before torch is imported."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the tests are small: more threads only wait for one another
