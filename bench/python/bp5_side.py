"""ADIOS2, engine BP5, a file a process and step: the package has no MPI, which is what would let
processes share one. Nothing is synced, as with the other files."""

import shutil

import adios2
import numpy as np
from adios2 import bindings
from file_parts import serve

adios = adios2.Adios()
Sync = bindings.Mode.Sync


def opened(mode, path):
    io = adios.declare_io(path)
    io.set_engine("BP5")
    return io, io.open(path, mode)


def closed(path, engine):
    engine.close()
    adios.remove_io(path)


class Bp5:
    suffix = ".bp"
    remove = staticmethod(shutil.rmtree)

    def write(self, path, arrays):
        io, engine = opened(bindings.Mode.Write, path)
        engine.begin_step()
        for name, array in arrays.items():
            shape = list(array.shape)
            variable = io.define_variable(name, array, shape, [0] * len(shape), shape)
            engine.put(variable, array)
        engine.end_step()
        closed(path, engine)

    def read_all(self, path, name):
        io, engine = opened(bindings.Mode.ReadRandomAccess, path)
        variable = io.inquire_variable(name)
        target = np.empty(variable.shape(), dtype=np.float32)
        engine.get(variable, target, Sync)
        closed(path, engine)
        return target

    def read_part(self, path, named, target, of, where):
        io, engine = opened(bindings.Mode.ReadRandomAccess, path)
        variable = io.inquire_variable(named[0])
        counts = [axis.stop - axis.start for axis in where]
        variable.set_selection(([axis.start for axis in where], counts))
        is_plain = all(isinstance(axis, slice) for axis in of) and target[of].flags.c_contiguous
        part = target[of] if is_plain else np.empty(counts, dtype=np.float32)
        engine.get(variable, part, Sync)
        if not is_plain:
            target[of] = part
        closed(path, engine)


serve(Bp5())
