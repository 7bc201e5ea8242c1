"""HDF5 in parallel, as Debian has it (python3-h5py-mpi): all processes write one file a step, with
collective buffering. Started by mpirun; the first process talks with the harness, for all."""

import os
import time

import h5py
import numpy as np
from mpi4py import MPI
from file_parts import compute, sync_all
from take_part import now_ns, take_part

comm = MPI.COMM_WORLD
directory = None
collective = h5py.h5p.create(h5py.h5p.DATASET_XFER)
collective.set_dxpl_mpio(h5py.h5fd.MPIO_COLLECTIVE)


def path(step):
    return os.path.join(directory, f"step{step}.h5")


def selected(shape, piece):
    """The file's space with a piece selected: ranges, and of a list of indices its even runs."""
    space = h5py.h5s.create_simple(tuple(shape))
    first = piece[0]
    others = [(at, to - at) for at, to in piece[1:]]
    starts, counts = [at for at, _ in others], [count for _, count in others]
    if not isinstance(first, dict):
        space.select_hyperslab((first[0], *starts), (first[1] - first[0], *counts))
        return space
    indices = np.asarray(first["indices"])
    begins = np.flatnonzero(np.diff(indices, prepend=indices[0] - 2) != 1)
    lengths = np.diff(np.append(begins, len(indices)))
    op = h5py.h5s.SELECT_SET
    for length in np.unique(lengths):
        at = indices[begins[lengths == length]]
        stride = int(at[1] - at[0]) if len(at) > 1 else int(length)
        ones = [1] * len(others)
        space.select_hyperslab(
            (int(at[0]), *starts),
            (len(at), *ones),
            (stride, *(count for count in counts)),
            (int(length), *counts),
            op,
        )
        op = h5py.h5s.SELECT_OR
    return space


def count_of(piece):
    sizes = [len(axis["indices"]) if isinstance(axis, dict) else axis[1] - axis[0] for axis in piece]
    return int(np.prod(sizes))


def move(dataset, shape, piece, array, how):
    memory = h5py.h5s.create_simple((array.size,))
    getattr(dataset.id, how)(memory, selected(shape, piece), array, dxpl=collective)


def open_side(request):
    global directory
    directory = request["at"]


def write(request):
    datasets = request["datasets"]
    own = [d["pieces"][comm.rank] for d in datasets]
    arrays = [np.ones(count_of(piece), dtype=np.float32) for piece in own]
    started, stalled = time.monotonic(), 0.0
    for step in range(request["steps"]):
        compute(request["workMs"])
        began = time.monotonic()
        if step > 0 and comm.rank == 0:
            os.unlink(path(step - 1))
        with h5py.File(path(step), "w", driver="mpio", comm=comm, libver="latest") as file:
            for d, piece, array in zip(datasets, own, arrays):
                made = file.create_dataset(d["name"], shape=tuple(d["shape"]), dtype=np.float32)
                move(made, d["shape"], piece, array, "write")
        if request.get("durable"):
            if comm.rank == 0:
                sync_all(path(step))
            comm.Barrier()
        stalled += time.monotonic() - began
    reply = {"seconds": time.monotonic() - started, "stalled": stalled}
    return max(comm.allgather(reply), key=lambda each: each["stalled"])


def read(request):
    start, total = now_ns(), 0.0
    with h5py.File(path(request["steps"] - 1), "r", driver="mpio", comm=comm) as file:
        for d in request["datasets"]:
            piece = (d["pieces"] if request["aligned"] else d["wantedBy"])[comm.rank]
            target = np.empty(count_of(piece), dtype=np.float32)
            move(file[d["name"]], d["shape"], piece, target, "read")
            total += float(target.sum(dtype=np.float64))
    told = comm.allgather((start, now_ns(), total))
    return {
        "startNs": min(each[0] for each in told),
        "doneNs": max(each[1] for each in told),
        "sum": sum(each[2] for each in told),
    }


VERBS = {"open": open_side, "write": write, "read": read}


def with_all(verb):
    """The first process tells the others what to do, and does it with them."""

    def told(request):
        comm.bcast((verb, request))
        return VERBS[verb](request)

    return told


if comm.rank == 0:
    take_part({verb: with_all(verb) for verb in VERBS})
    comm.bcast(None)
else:
    while (told := comm.bcast(None)) is not None:
        VERBS[told[0]](told[1])
