"""Redis over its Unix socket, by redis-py with hiredis: values pushed to a list, taken by BLPOP; many
of them in pipelines, and taken by BLMPOP."""

import time

import numpy as np
import redis
from take_part import OwnArrays, look, now_ns, take_part

client = None
own = OwnArrays()
# Larger arrays go in pieces: a value of Redis ends at 512 MiB, and the clients' work overlaps that of
# the server. 256 MiB in pieces of 1 or 4 MiB took a fifth of the time that one value took.
PIECE = 4 << 20
# As much as a socket's buffer holds; redis-py takes 64 KiB at a time without being told.
READ_BYTES = 256 << 10


def open_side(request):
    global client
    client = redis.Redis(
        unix_socket_path=request["at"], socket_timeout=None, socket_read_size=READ_BYTES
    )
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


target = np.empty(0)


def expect(request):
    global target
    size = request["bytes"]
    if size <= PIECE:
        _, value = client.blpop(key(request))
        return look(np.frombuffer(value, dtype=np.float64), request["sum"])
    # An array of one's own, made once for a size.
    if target.size * 8 != size:
        target = np.ones(size // 8)
    memory = memoryview(target).cast("B")
    for at in range(0, size, PIECE):
        _, value = client.blpop(key(request))
        memory[at : at + len(value)] = value
    return look(target, request["sum"])


values = []
# sink: so many pushes go out together, and so many values come back together, and no more bytes.
BATCH = 16
BATCH_BYTES = 4 << 20
# Redis holds what the consumer has not taken yet; a push says how much that is.
QUEUE_BYTES = 1 << 30
FULL_SECONDS = 0.001


def prepare(request):
    """sink: objects of its own."""
    values[:] = [
        memoryview(np.full(request["bytes"], 1 + i, dtype=np.uint8))
        for i in range(request["distinct"])
    ]


def batch_of(request):
    return max(1, min(BATCH, BATCH_BYTES // request["bytes"]))


def produce(request):
    """Pipelines of pushes; their last answer is the length of the queue."""
    start = now_ns()
    key, count, batch = f"{request['tag']}:{request['producer']}", request["count"], batch_of(request)
    length_max = max(batch, QUEUE_BYTES // request["bytes"])
    for first in range(0, count, batch):
        with client.pipeline(transaction=False) as pipeline:
            for i in range(first, min(first + batch, count)):
                pipeline.rpush(key, values[i % len(values)])
            length = pipeline.execute()[-1]
        while length > length_max:
            time.sleep(FULL_SECONDS)
            length = client.llen(key)
    return {"startNs": start}


def consume(request):
    """sink: all of them, in batches, reading every byte. The list that waits longest comes first."""
    keys = [f"{request['tag']}:{producer}" for producer in range(request["producers"])]
    total, left, batch = 0, request["count"] * request["producers"], batch_of(request)
    while left > 0:
        key, batched = client.blmpop(0, len(keys), *keys, direction="LEFT", count=batch)
        for value in batched:
            assert value.find(b"\0") == -1
            total += len(value)
        left -= len(batched)
        # To the end of the line: no producer's objects wait for all of another's.
        keys.remove(key.decode())
        keys.append(key.decode())
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
