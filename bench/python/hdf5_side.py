"""HDF5, a file a process and step (h5py): each array whole and contiguous, buffered by the system."""

import os

import h5py
from file_parts import serve


class Hdf5:
    suffix = ".h5"
    remove = staticmethod(os.unlink)

    def write(self, path, arrays):
        with h5py.File(path, "w", libver="latest") as file:
            for name, array in arrays.items():
                file.create_dataset(name, data=array)

    def read_all(self, path, name):
        with h5py.File(path, "r") as file:
            return file[name][...]

    def read_part(self, path, named, target, of, where):
        with h5py.File(path, "r") as file:
            source = file[named[0]]
            if all(isinstance(axis, slice) for axis in of) and target[of].flags.c_contiguous:
                source.read_direct(target, where, of)
            else:
                target[of] = source[where]


serve(Hdf5())
