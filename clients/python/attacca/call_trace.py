"""The calls of this process, told to whoever looks at it (docs/conductors.md)."""

from __future__ import annotations

import functools
import json
import os
import threading
import time
import warnings
from typing import Any, Callable, Iterable, Optional, Tuple

from .errors import AttaccaError

# By whom a call is made, and about which object ("": none): of what it is called, its first
# argument, what it returned.
_Told = Callable[[Any, Any, Any], Tuple[str, str]]
# A class, and the methods of it that are calls.
_Calls = Tuple[type, Tuple[str, ...], _Told]


class _CallTrace:
    """A line of JSON for each call, appended to a file that other processes may share: `process`,
    `member`, `call`, `object`, `startUs` (of 1970), `durationUs`, `outcome`. Lines are written as
    calls end, so those of a process that is killed are there. Until it is begun, calls are what
    they are, and cost nothing more."""

    def __init__(self) -> None:
        self._file: Optional[int] = None
        self._lock, self._is_on = threading.Lock(), False
        self._inside = threading.local()

    def begin(self, path: str, calls: Iterable[_Calls]) -> None:
        """Once, when there is a file to write to."""
        with self._lock:
            if not path or self._is_on:
                return
            self._is_on = True
            try:
                flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
                self._file = os.open(path, flags, 0o666)
            except OSError as error:
                return self._cannot(error)
            for kind, names, told in calls:
                for name in names:
                    setattr(kind, name, self._traced(name, getattr(kind, name), told))

    def _traced(self, call: str, method: Callable[..., Any], told: _Told) -> Callable[..., Any]:
        inside = self._inside

        @functools.wraps(method)
        def traced(one: Any, *args: Any, **kwargs: Any) -> Any:
            if getattr(inside, "a_call", False):  # what the program has called is told, and not
                return method(one, *args, **kwargs)  # what that calls in its turn
            inside.a_call, outcome, came = True, "ok", None
            start_ns, start = time.time_ns(), time.perf_counter_ns()
            try:
                came = method(one, *args, **kwargs)
                return came
            except AttaccaError as error:
                outcome = error.code
                raise
            except BaseException as error:
                outcome = type(error).__name__
                raise
            finally:
                duration_us = (time.perf_counter_ns() - start) // 1000
                inside.a_call = False
                first = args[0] if args else kwargs.get("name")
                by, about = told(one, first, came)
                self._note({"process": os.getpid(), "member": by, "call": call, "object": about,
                            "startUs": start_ns // 1000, "durationUs": duration_us,
                            "outcome": outcome})
        return traced

    def _note(self, record: Any) -> None:
        """One write a line: lines of those who share the file do not mix."""
        file = self._file
        if file is None:
            return
        try:
            os.write(file, (json.dumps(record, separators=(",", ":")) + "\n").encode())
        except OSError as error:
            self._file = None
            self._cannot(error)

    @staticmethod
    def _cannot(error: OSError) -> None:
        # A program does not fail because it is looked at.
        warnings.warn(f"Cannot write a trace of calls: {error}", RuntimeWarning, stacklevel=2)

