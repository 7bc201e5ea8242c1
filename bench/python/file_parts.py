"""Members that write and read arrays in parts by files, a file a process and step: what the sides
of HDF5, ADIOS2 and plain files have in common. A store has

  suffix           of its files
  write(path, arrays)              makes a file of arrays by name
  read_all(path, name)             an array of a file
  read_part(path, (name, shape), target, of, where)
                                   target[of] = what lies at the slices `where` of that array
  remove(path)
"""

import os
import time

import numpy as np
from take_part import now_ns, take_part

scratch = np.ones(1024 * 1024)


def compute(ms):
    """The work between two outputs, as in bench/vpic/member.ts."""
    end = now_ns() + ms * 1e6
    while now_ns() < end:
        np.negative(scratch, out=scratch)


def arrays_of(axes):
    """Lists of indices as arrays: made before anything is timed, as a program has them."""
    return [np.asarray(axis["indices"]) if isinstance(axis, dict) else axis for axis in axes]


def common(wanted, there):
    """Where what both have lies in what is wanted, and the slice of what is there. A reader wants
    ranges, so it is one stretch of what each writer has."""
    of, in_there = [], []
    for (start, end), has in zip(wanted, there):
        if isinstance(has, np.ndarray):
            first, last = (int(at) for at in np.searchsorted(has, [start, end]))
            of.append(has[first:last] - start)
        else:
            first, last = (min(max(at, has[0]), has[1]) - has[0] for at in (start, end))
            of.append(slice(first + has[0] - start, last + has[0] - start))
        if first == last:
            return None
        in_there.append(slice(first, last))
    return tuple(of), tuple(in_there)


def sync_all(path):
    """A file, or a directory with all that is in it, and its name, on the disk."""
    inside = [os.path.join(top, name) for top, _, names in os.walk(path) for name in names]
    folders = [top for top, _, _ in os.walk(path)]
    for each in [*(inside or [path]), *folders, os.path.dirname(path)]:
        fd = os.open(each, os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)


def serve(store):
    directory = None

    def open_side(request):
        nonlocal directory
        directory = request["at"]

    def path(step, member):
        return os.path.join(directory, f"step{step}-{member}{store.suffix}")

    def write(request):
        arrays = {d["name"]: np.ones(d["mine"], dtype=np.float32) for d in request["datasets"]}
        member = request["member"]
        started, stalled = time.monotonic(), 0.0
        for step in range(request["steps"]):
            compute(request["workMs"])
            began = time.monotonic()
            if step > 0:
                store.remove(path(step - 1, member))
            store.write(path(step, member), arrays)
            if request.get("durable"):
                sync_all(path(step, member))
            stalled += time.monotonic() - began
        return {"seconds": time.monotonic() - started, "stalled": stalled}

    def read(request):
        for dataset in request["datasets"]:
            dataset["pieces"] = [arrays_of(piece) for piece in dataset["pieces"]]
        start, total, step = now_ns(), 0.0, request["steps"] - 1
        for dataset in request["datasets"]:
            name = dataset["name"]
            if request["aligned"]:
                own = store.read_all(path(step, request["member"]), name)
                total += float(own.sum(dtype=np.float64))
                continue
            target = np.empty([to - at for at, to in dataset["wanted"]], dtype=np.float32)
            for member, there in enumerate(dataset["pieces"]):
                both = common(dataset["wanted"], there)
                if both is not None:
                    shape = dataset["shapes"][member]
                    store.read_part(path(step, member), (name, shape), target, *both)
            total += float(target.sum(dtype=np.float64))
        return {"startNs": start, "doneNs": now_ns(), "sum": total}

    take_part({"open": open_side, "write": write, "read": read})
