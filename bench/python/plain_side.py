"""Plain files, one a process, step and array: written and read in one piece by numpy, or mapped
where a part of one is wanted."""

import os
import shutil

import numpy as np
from file_parts import serve


class Plain:
    suffix = ""
    remove = staticmethod(shutil.rmtree)

    def write(self, path, arrays):
        os.mkdir(path)
        for name, array in arrays.items():
            array.tofile(os.path.join(path, name))

    def read_all(self, path, name):
        return np.fromfile(os.path.join(path, name), dtype=np.float32)

    def read_part(self, path, named, target, of, where):
        name, shape = named
        mapped = np.memmap(os.path.join(path, name), dtype=np.float32, mode="r", shape=tuple(shape))
        target[of] = mapped[where]


serve(Plain())
