"""Redis over its Unix socket, by redis-py with hiredis: values pushed to a list, taken by BLPOP."""

import numpy as np
import redis
from take_part import OwnArrays, look, now_ns, take_part

client = None
own = OwnArrays()
# One value of Redis ends at 512 MiB; larger arrays go in pieces, as its users have to do.
PIECE = 256 << 20


def open_side(request):
    global client
    client = redis.Redis(unix_socket_path=request["at"], socket_timeout=None)
    client.ping()


def key(request):
    return f"parcel:{request['seq']}"


def write(request):
    own.of(request["bytes"])


def offer(request):
    array = own.of(request["bytes"])
    start = now_ns()
    view = memoryview(array).cast("B") if array.size else b""
    for at in range(0, max(len(view), 1), PIECE):
        client.rpush(key(request), view[at : at + PIECE])
    return {"startNs": start}


def expect(request):
    size = request["bytes"]
    pieces = []
    for _ in range(0, max(size, 1), PIECE):
        _, value = client.blpop(key(request))
        pieces.append(np.frombuffer(value, dtype=np.float64))
    array = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
    return look(array, request["sum"])


values = []


def prepare(request):
    """sink: objects of its own."""
    values[:] = [
        memoryview(np.full(request["bytes"], 1 + i, dtype=np.uint8))
        for i in range(request["distinct"])
    ]


def produce(request):
    start = now_ns()
    for i in range(request["count"]):
        client.rpush(f"{request['tag']}:{request['producer']}", values[i % len(values)])
    return {"startNs": start}


def consume(request):
    """sink: all of them, reading every byte."""
    keys = [f"{request['tag']}:{producer}" for producer in range(request["producers"])]
    total = 0
    for _ in range(request["count"] * request["producers"]):
        _, value = client.blpop(keys)
        assert value.find(b"\0") == -1
        total += len(value)
    return {"doneNs": now_ns(), "bytes": total}


take_part(
    {
        "open": open_side,
        "write": write,
        "offer": offer,
        "after": lambda request: None,
        "expect": expect,
        "prepare": prepare,
        "produce": produce,
        "consume": consume,
    }
)
