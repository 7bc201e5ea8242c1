"""The one error that callers see."""

from __future__ import annotations

from typing import Any, Mapping, Optional

# Codes this client raises by itself, or that come without the flag, and may go away by waiting.
_RETRYABLE = frozenset((
    "definition-in-use", "object-depended-on", "cube-hole",
    "session-limit", "connection-lost", "pool-unreachable", "name-in-use", "member-limit",
    "handle-limit", "object-required", "promise-limit", "deadline-passed", "wait-limit",
    "subscription-limit", "subscriber-silent", "hold-limit",
    "lock-conflict", "memory-full", "shm-full", "disk-full", "journal-full", "store-in-use"))


class AttaccaError(Exception):
    """The one error of Attacca. `code` says what happened (spec/vectors.json, `errors`), `fields`
    the particulars, `retryable` whether the same call may succeed later, `message` the sentence."""

    def __init__(self, code: str, message: str, fields: Optional[Mapping[str, Any]] = None,
                 retryable: Optional[bool] = None) -> None:
        super().__init__(message)
        self.code, self.message, self.fields = code, message, dict(fields or {})
        self.retryable = code in _RETRYABLE if retryable is None else retryable

    def __str__(self) -> str:
        return f"{self.message} ({self.code})"

    def again(self) -> "AttaccaError":
        """The same, to be raised in another thread with a traceback of its own."""
        return AttaccaError(self.code, self.message, self.fields, self.retryable)


class _Malformed(ValueError):
    """What came does not parse."""
