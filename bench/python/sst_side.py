"""ADIOS2, engine SST: a stream for each size, an array a step. The data transport is the one that
SST takes by itself."""

import os

import adios2
import numpy as np
from adios2 import bindings
from take_part import OwnArrays, look, now_ns, take_part

adios = adios2.Adios()
own = OwnArrays()
role = None
directory = None
engines = {}
Sync = bindings.Mode.Sync


def open_side(request):
    global role, directory
    role, directory = request["role"], request["at"]


def engine_of(stream, size, parameters=None, dtype=np.float64):
    """Opening waits for the other side: both must be asked at once."""
    if stream in engines:
        return engines[stream]
    io = adios.declare_io(stream)
    io.set_engine("SST")
    io.set_parameters({"OpenTimeoutSecs": "30", **(parameters or {})})
    path = os.path.join(directory, stream)
    # An object of length 0 is a step without a variable.
    if role == "producer":
        like = np.empty(size // np.dtype(dtype).itemsize, dtype=dtype)
        shape = list(like.shape)
        variable = io.define_variable("v", like, shape, [0], shape) if size else None
        engines[stream] = (io, io.open(path, bindings.Mode.Write), variable)
    else:
        engines[stream] = (io, io.open(path, bindings.Mode.Read), None)
    return engines[stream]


def put(stream, size, array):
    _, engine, variable = engine_of(stream, size)
    engine.begin_step()
    if variable is not None:
        engine.put(variable, array, Sync)
    engine.end_step()


def write(request):
    own.of(request["bytes"])
    engine_of(f"s{request['bytes']}", request["bytes"])


def offer(request):
    array = own.of(request["bytes"])
    start = now_ns()
    put(f"s{request['bytes']}", request["bytes"], array)
    return {"startNs": start}


targets = {}


def take(stream, size):
    """A step into an array of one's own, made once for a size."""
    io, engine, _ = engine_of(stream, size)
    engine.begin_step()
    if size not in targets:
        targets.clear()
        targets[size] = np.ones(size // 8)
    target = targets[size]
    if size:
        engine.get(io.inquire_variable("v"), target, Sync)
    return engine, target


def expect(request):
    engine, target = take(f"s{request['bytes']}", request["bytes"])
    reply = look(target, request["sum"])
    engine.end_step()
    return reply


QUEUE = {"QueueLimit": "8", "QueueFullPolicy": "Block"}
values = []


def prepare(request):
    """sink: objects of its own."""
    values[:] = [
        np.full(request["bytes"], 1 + i, dtype=np.uint8) for i in range(request["distinct"])
    ]


def produce(request):
    size, stream = request["bytes"], f"{request['tag']}-{request['producer']}"
    # Both sides have met before it begins, as connections of the others are there before.
    engine_of(stream, size, QUEUE, np.uint8)
    start = now_ns()
    for i in range(request["count"]):
        put(stream, size, values[i % len(values)])
    # Waits until the reader has all of it.
    engines.pop(stream)[1].close()
    return {"startNs": start}


def consume(request):
    """sink: all of them, reading every byte (memchr) of an array that is made once."""
    size, total = request["bytes"], 0
    streams = [f"{request['tag']}-{producer}" for producer in range(request["producers"])]
    for stream in streams:
        engine_of(stream, size)
    memory = bytearray(size)
    target = np.frombuffer(memory, dtype=np.uint8)
    for _ in range(request["count"]):
        for stream in streams:
            io, engine, _ = engine_of(stream, size)
            engine.begin_step()
            engine.get(io.inquire_variable("v"), target, Sync)
            assert memory.find(b"\0") == -1
            total += size
            engine.end_step()
    done = now_ns()
    for stream in streams:
        engines.pop(stream)[1].close()
    return {"doneNs": done, "bytes": total}


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
