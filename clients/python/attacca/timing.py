"""Deadlines."""

from __future__ import annotations

import math
import time
from typing import Optional

from .limits import _ANY, _DEFAULT_S, NEVER


def _ms(timeout: Optional[float]) -> int:
    """A deadline on the wire: 0 is the pool's default, 2^32-1 never."""
    if timeout is None or timeout == NEVER:
        return 0 if timeout is None else _ANY
    if not timeout >= 0:  # NaN, too
        raise ValueError(f"a timeout is a number of seconds from 0 on, not {timeout}")
    return max(1, min(math.ceil(timeout * 1000), _ANY - 1))


def _until(timeout: Optional[float]) -> float:
    return time.monotonic() + (_DEFAULT_S if timeout is None else timeout)


def _left(until: float) -> float:
    """Seconds that are left, for a part of what has a deadline."""
    return max(0.001, until - time.monotonic())
