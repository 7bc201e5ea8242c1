"""Addresses, and how a connection begins: sections 1, 3, 4."""

from __future__ import annotations

import os
import socket
import struct
import sys
from typing import Any, Dict, Mapping, NamedTuple, Optional, Tuple
from urllib.parse import unquote, urlsplit

from .limits import _CONNECT_S, _FRAME_MAX, _VERSION
from .errors import _Malformed, AttaccaError
from .layouts import _decode, _frame, _FRAMES


class _Address(NamedTuple):
    host: Optional[str]  # None: a Unix socket
    port: int
    path: str
    token: Optional[str]


def _parse_address(address: str) -> _Address:
    base, _, query = address.partition("?")
    token = None
    for key, _, item in (part.partition("=") for part in query.split("&")):
        if key == "token":
            token = unquote(item)
        elif key == "token-file":
            token = _read_token(unquote(item), address)
    if base.startswith("unix:"):
        path = base[5:]
        if token is None:
            beside = os.path.join(os.path.dirname(path), "token")
            token = _read_token(beside, address) if os.path.exists(beside) else None
        return _Address(None, 0, path, token)
    parts = urlsplit(base)
    if parts.scheme != "tcp" or not parts.hostname or not parts.port:
        raise AttaccaError("bad-argument", f"Cannot use \"{address}\" as the address of a pool: "
                           "it is neither unix:/path nor tcp://host:port")
    return _Address(parts.hostname, parts.port, "", token)


def _read_token(path: str, address: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except OSError as error:
        raise AttaccaError("file-error", f"Cannot read the token for \"{address}\": {error}",
                           {"path": path}) from error


def _read_exactly(sock: socket.socket, size: int) -> bytearray:
    data = bytearray(size)
    _read_into(sock, memoryview(data))
    return data


def _read_into(sock: socket.socket, view: memoryview) -> None:
    while view:
        count = sock.recv_into(view)
        if not count:
            raise ConnectionError("the pool closed the connection")
        view = view[count:]


def _frame_head(head: Any, size_max: int) -> Tuple[int, int]:
    """Kind and size of the body, from the first 8 bytes of a frame."""
    size, kind, zero8, zero16 = struct.unpack("<IBBH", head)
    if not 4 <= size <= size_max or zero8 or zero16 or kind not in _FRAMES:
        raise _Malformed(f"a frame of kind {kind} and size {size}")
    return kind, size - 4


def _refusal(body: Any) -> AttaccaError:
    f = _decode(_FRAMES[3], body, exact=False)
    return AttaccaError(f["code"], f["message"], f["fields"], f["retryable"] == 1)


def _open(address: _Address, hello: Mapping[str, Any]) -> Tuple[socket.socket, Dict[str, Any]]:
    """Connects and says HELLO; the socket and the fields of ACCEPT, or the refusal raised."""
    where = address.path if address.host is None else f"{address.host}:{address.port}"
    sock = None
    try:
        if address.host is None:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            sock.settimeout(_CONNECT_S)
            sock.connect(address.path)
        else:
            sock = socket.create_connection((address.host, address.port), _CONNECT_S)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(_frame(1, {"lowest": _VERSION, "highest": _VERSION, **hello}))
        kind, size = _frame_head(_read_exactly(sock, 8), _FRAME_MAX)
        body = _read_exactly(sock, size)
        if kind == 3:
            raise _refusal(body)
        if kind != 2:
            raise _Malformed(f"a frame of kind {kind} where ACCEPT is due")
        return sock, _decode(_FRAMES[2], body, exact=False)
    except BaseException as error:
        if sock is not None:
            sock.close()
        if isinstance(error, (OSError, _Malformed)):
            raise AttaccaError("pool-unreachable", f"Cannot reach the pool at \"{where}\": {error}",
                               {"address": where}) from error
        raise


def _system(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def _process() -> Dict[str, Any]:
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    stat = _system("/proc/self/stat").rpartition(")")[2].split()  # from field 3 on
    return {"client": "attacca-python 1.0", "host": socket.gethostname(), "pid": os.getpid(),
            "startTime": int(stat[19]) if len(stat) > 19 else 0,
            "bootId": _system("/proc/sys/kernel/random/boot_id"), "pidNamespace": namespace,
            "command": " ".join(sys.argv).encode("utf-8", "replace").decode("utf-8")[:1000]}
