"""HDF5, a file a process and step (h5py): each array whole and contiguous, buffered by the system."""

import os
import time

import h5py
import numpy as np
from take_part import now_ns, take_part

scratch = np.ones(1024 * 1024)
directory = None


def open_side(request):
    global directory
    directory = request["at"]


def path(step, member):
    return os.path.join(directory, f"step{step}-{member}.h5")


def compute(ms):
    """The work between two outputs, as in bench/vpic/member.ts."""
    end = now_ns() + ms * 1e6
    while now_ns() < end:
        np.negative(scratch, out=scratch)


def write(request):
    arrays = {d["name"]: np.ones(d["mine"], dtype=np.float32) for d in request["datasets"]}
    started, stalled = time.monotonic(), 0.0
    for step in range(request["steps"]):
        compute(request["workMs"])
        began = time.monotonic()
        if step > 0:
            os.unlink(path(step - 1, request["member"]))
        with h5py.File(path(step, request["member"]), "w", libver="latest") as file:
            for name, array in arrays.items():
                file.create_dataset(name, data=array)
        stalled += time.monotonic() - began
    return {"seconds": time.monotonic() - started, "stalled": stalled}


def indices(axis):
    """The indices of a piece of an axis."""
    return np.asarray(axis["indices"]) if isinstance(axis, dict) else np.arange(axis[0], axis[1])


def common(wanted, there):
    """Where what both have lies in what is wanted, and the slice of what is there."""
    of, in_there = [], []
    for want, has in zip(wanted, there):
        _, to, source = np.intersect1d(
            indices(want), indices(has), assume_unique=True, return_indices=True
        )
        if len(to) == 0:
            return None
        # What a reader wants is a range, so it is one stretch of what each writer has.
        in_there.append(slice(int(source[0]), int(source[-1]) + 1))
        is_range = to[-1] - to[0] + 1 == len(to)
        of.append(slice(int(to[0]), int(to[-1]) + 1) if is_range else to)
    return tuple(of), tuple(in_there)


def read(request):
    start, total, step = now_ns(), 0.0, request["steps"] - 1
    for dataset in request["datasets"]:
        if request["aligned"]:
            with h5py.File(path(step, request["member"]), "r") as file:
                total += float(file[dataset["name"]][...].sum(dtype=np.float64))
            continue
        target = np.empty([len(indices(axis)) for axis in dataset["wanted"]], dtype=np.float32)
        for member, there in enumerate(dataset["pieces"]):
            both = common(dataset["wanted"], there)
            if both is None:
                continue
            of, in_there = both
            with h5py.File(path(step, member), "r") as file:
                source = file[dataset["name"]]
                if all(isinstance(axis, slice) for axis in of) and target[of].flags.c_contiguous:
                    source.read_direct(target, in_there, of)
                else:
                    target[of] = source[in_there]
        total += float(target.sum(dtype=np.float64))
    return {"startNs": start, "doneNs": now_ns(), "sum": total}


take_part({"open": open_side, "write": write, "read": read})
