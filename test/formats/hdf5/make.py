"""Makes the files beside it: python make.py (with h5py, hdf5plugin, netCDF4 and numpy).

types.h5: every type of elements and of attributes that h5py has a word for.
groups.nc: what NetCDF-4 adds: groups, bare and unlimited dimensions, coordinates of two dimensions.
zstd.h5: a filter that is not built in.
elsewhere-*.h5: elements that lie in other files, as both kinds of headers say.
odd-names.h5: names that no object can have, and others that are odd.
fills.nc: variables that are shorter than their dimension, with the fill values of NetCDF and HDF5.
"""

from pathlib import Path

import h5py
import hdf5plugin
import netCDF4
import numpy as np

HERE = Path(__file__).parent
NUMBERS = "i1 u1 i2 u2 i4 u4 i8 u8 f2 f4 f8 c8 c16 >i2 >u4 >i8 >f2 >f4 >f8 >c8".split()


def types() -> None:
    with h5py.File(HERE / "types.h5", "w", libver="latest") as f:
        for text in NUMBERS:
            name = f"big_{text[1:]}" if text.startswith(">") else text
            f[name] = (np.arange(6) * 3).astype(text).reshape(2, 3)
        f["bool"] = np.array([True, False, True])
        f["nan"] = np.array([0x7FC12345, 0xFF800001], "u4").view("f4")
        f["fixed"] = np.array([b"ab", b"cde"], "S5")
        f["utf8"] = np.array(["é".encode(), b"cde"], h5py.string_dtype("utf-8", 6))
        f.create_dataset("texts", data=["x", "yyé", ""], dtype=h5py.string_dtype())
        f["scalar"] = 3.5
        f["struct"] = np.array([(1, 2.5, b"ab"), (3, 4.5, b"")], "<i4,<f8,S3")
        f["big_struct"] = np.array([(1, 2.5)], ">i4,>f8")
        f.create_dataset("enum", data=[0, 2], dtype=h5py.enum_dtype({"A": 0, "B": 2}, "i1"))
        packed = {"compression": "gzip", "shuffle": True, "fletcher32": True}
        grid = np.arange(1000, dtype="f4").reshape(100, 10)
        f.create_dataset("packed", data=grid, chunks=(7, 4), maxshape=(None, 10), **packed)
        f.create_dataset("scaled", data=grid.astype("i4"), chunks=(50, 10), scaleoffset=0)
        f.create_dataset("empty", shape=(0, 3), dtype="f4", maxshape=(None, 3))
        f["group/inner/list"] = np.arange(3)
        f["group"].attrs["who"] = "me"
        # What no object can have.
        f["nothing"] = h5py.Empty("f4")
        f["mixed"] = np.array([(1, 2.5)], "<i4,>f8")
        f["arrays"] = np.zeros(2, [("x", "f4", (3,))])
        f["opaque"] = np.array([b"abc"], "V3")
        f.create_dataset("references", data=[f.ref], dtype=h5py.ref_dtype)
        f.create_dataset("lists", shape=(1,), dtype=h5py.vlen_dtype("i4"))
        f["link"] = h5py.SoftLink("/scalar")
        f["elsewhere"] = h5py.ExternalLink("types.h5", "/scalar")
        f["group/loop"] = f["group"]
        attributes = f["scalar"].attrs
        attributes["half"] = np.float16(1.5)
        attributes["truth"] = True
        attributes["complex"] = 1 + 2j
        attributes["square"] = np.arange(4).reshape(2, 2)
        attributes["nothing"] = h5py.Empty("f4")
        attributes["text"] = "txté"
        attributes["bytes"] = np.bytes_(b"fx")
        attributes["texts"] = ["p", "qq", ""]
        attributes["fixed"] = np.array([b"r", b"ss"])
        attributes["big"] = np.array([1, 2], ">i2")
        attributes["reference"] = f.ref
        attributes["none"] = np.array([], "f8")
    with h5py.File(HERE / "zstd.h5", "w", libver="latest") as f:
        f.create_dataset("packed", data=np.arange(100), chunks=(50,), **hdf5plugin.Zstd())
        f["plain"] = np.arange(3)


def groups() -> None:
    with netCDF4.Dataset(HERE / "groups.nc", "w") as f:
        f.title = "groups"
        f.createDimension("time", None)
        f.createDimension("y", 2)
        f.createDimension("x", 3)
        f.createVariable("time", "f8", ("time",))[:] = [0.0, 6.0]
        t = f.createVariable("t", "i2", ("time", "y", "x"), fill_value=-1, zlib=True)
        t.set_auto_maskandscale(False)
        t.scale_factor = 0.5
        t[:] = np.arange(12).reshape(2, 2, 3)
        # The name of a dimension, along others first: it is no coordinate.
        f.createVariable("x", "f4", ("y",))[:] = [7.0, 8.0]
        # A coordinate of two dimensions.
        f.createVariable("y", "S1", ("y", "x"))[:] = np.array([list(b"abc"), list(b"def")], "u1").view("S1")
        # Shorter than the dimension that it shares: the rest is the fill value.
        f.createVariable("short", "i4", ("time",), fill_value=-7)[0:1] = 5
        g = f.createGroup("ocean")
        g.depth = np.float32(4000)
        g.createDimension("level", 2)
        s = g.createVariable("salinity", "f4", ("level", "x"))
        s[:] = np.arange(6).reshape(2, 3)
        s.units = "1e-3"


def fills() -> None:
    path = HERE / "fills.nc"
    with netCDF4.Dataset(path, "w") as f:
        f.createDimension("t", None)

        def variable(name: str, dtype: str, count: int, **kw) -> None:
            v = f.createVariable(name, dtype, ("t",), chunksizes=(2,), **kw)
            v[0:count] = np.arange(count).astype(v.dtype)

        variable("long", "i1", 3)
        for dtype in "i1 u1 i2 u2 i4 u4 i8 u8 f4 f8 S1".split():
            variable(dtype, dtype, 1)
        variable("own", "i4", 1, fill_value=77)
        variable("big", ">i4", 1, endian="big")
        variable("big_own", ">i4", 1, endian="big", fill_value=77)
        # So many attributes that its header goes on elsewhere.
        variable("described", "i2", 1, fill_value=78)
        for at in range(6):
            f["described"].setncattr(f"attribute_{at}", "x" * 100)
    # Headers of the first version, and fill values that no attribute tells.
    with h5py.File(path, "a") as f:
        made = {"made": ("<i4", 9), "big_made": (">i2", 258), "not_made": (">f4", None)}
        for name, (dtype, fill) in made.items():
            v = f.create_dataset(name, (1,), dtype, maxshape=(None,), chunks=(2,), fillvalue=fill)
            v.dims[0].attach_scale(f["t"])


def elsewhere() -> None:
    for libver in ("earliest", "latest"):
        with h5py.File(HERE / f"elsewhere-{libver}.h5", "w", libver=libver) as f:
            f["plain"] = np.arange(3)
            f.create_dataset("secret", (9,), "u1", external=[("/etc/passwd", 0, 9)])
            f.create_dataset("absent", (4,), "u1", external=[("no-such-file.bin", 0, 4)])
            # So many attributes that its header goes on elsewhere.
            d = f.create_dataset("described", (9,), "u1", external=[("/etc/passwd", 0, 9)])
            for at in range(6):
                d.attrs[f"attribute_{at}"] = "x" * 100


def odd_names() -> None:
    with h5py.File(HERE / "odd-names.h5", "w", libver="latest") as f:
        long = ["x" * 999, "x" * 1001, "y" * 4001]
        for name in ["line\nbreak", *long, "\u05e9\u05dc\u05d5\u05dd", "\u202eabc", "..", "plain"]:
            f[name] = np.arange(3)
        f["group\r/inside"] = np.arange(3)
        # A dimension whose name is none: the axis has no name then.
        f["line\nbreak"].make_scale()
        f["plain"].dims[0].attach_scale(f["line\nbreak"])
        f["plain"].attrs["line\nbreak"] = 1
        f["plain"].attrs["y" * 4001] = 1



types()
groups()
fills()
elsewhere()
odd_names()
