"""Runs the tests of the Python client.

    python3 clients/python/tests            # codec, vectors, and a small fake pool
    python3 clients/python/tests --pool     # against the pool named by ATTACCA_POOL

Words choose tests whose name has one of them; -v tells each.
"""

import os
import sys
import unittest
from typing import Iterator

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), HERE]  # the package, and what tests share


def each_of(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    for one in suite:
        if isinstance(one, unittest.TestSuite):
            yield from each_of(one)
        else:
            yield one


if __name__ == "__main__":
    real = "--pool" in sys.argv
    if real and not os.environ.get("ATTACCA_POOL"):
        sys.exit("Cannot run --pool: ATTACCA_POOL is not set")
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    found = unittest.defaultTestLoader.discover(HERE, "pool_*.py" if real else "test_*.py", HERE)
    chosen = unittest.TestSuite(each for each in each_of(found)
                                if not words or any(word in each.id() for word in words))
    good = unittest.TextTestRunner(verbosity=2 if "-v" in sys.argv else 1).run(chosen)
    sys.exit(0 if good.wasSuccessful() else 1)
