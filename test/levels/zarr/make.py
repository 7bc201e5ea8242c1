"""Makes stores.json.gz beside it: python make.py (with zarr 3, xarray, zstandard and numpy).

It has the files of four stores, by their paths, in Base64, as most of them are tiny.

plain: types, with the codecs that zarr-python takes when it is told none.
codecs: the other codecs, of the numbers 0 to 104.
weather: what xarray writes by default, with a group in a group.
alone: an array that is the whole store.
"""

import base64
import gzip
import json
import tempfile
from pathlib import Path

import numpy as np
import xarray as xr
import zarr
import zstandard
from zarr import codecs as z

HERE = Path(__file__).parent
MADE = Path(tempfile.mkdtemp())
TYPES = "bool i1 u2 >i4 i8 f2 f4 f8 c8".split()
BLOSC = {"lz4": "shuffle", "zstd": "bitshuffle", "zlib": "noshuffle", "blosclz": "shuffle"}


def group(name: str) -> zarr.Group:
    return zarr.open_group(MADE / name, mode="w", zarr_format=3)


def plain() -> None:
    root = group("plain")
    for text in TYPES:
        data = np.arange(6).reshape(2, 3).astype(text)
        root.create_array(text.replace(">", "big_"), data=data)
    root.create_array("scalar", data=np.array(3.5))
    root.create_array("texts", data=np.array([b"ab", b"cde", b""], "S4"))
    root.create_array("raw", data=np.array([b"a\0b", b"\0\0\0"], "V3"))
    nan = root.create_array("nan", shape=(4,), chunks=(2,), dtype="f4", fill_value=np.nan)
    nan[:2] = 1.5
    root.create_array("unknown_utf32", data=np.array(["ab"], "U2"))
    root.create_array("unknown_struct", data=np.array([(1, 2.0)], "i4,f8"))
    root.create_array("unknown_string", shape=(1,), dtype=str)
    root.create_array("unknown_shards", data=np.arange(4), chunks=(2,), shards=(4,))


def codecs() -> None:
    root = group("codecs")
    data = np.arange(105, dtype="f4").reshape(5, 3, 7)

    def array(name: str, *compressors: object, **more: object) -> None:
        root.create_array(name, data=data, chunks=(2, 3, 4), compressors=compressors, **more)

    for name, shuffle in BLOSC.items():
        array(f"blosc_{name}", z.BloscCodec(cname=name, clevel=5, shuffle=shuffle))
    array("gzip", z.GzipCodec(level=5))
    array("checked", z.ZstdCodec(level=5, checksum=True), z.Crc32cCodec())
    array("turned", z.ZstdCodec(), filters=[z.TransposeCodec(order=(2, 0, 1))])
    array("big", z.BloscCodec(), serializer=z.BytesCodec(endian="big"))
    # As a stream: frames do not say how much they hold.
    array("stream", z.ZstdCodec())
    packer = zstandard.ZstdCompressor(write_content_size=False, write_checksum=True)
    for file in (MADE / "codecs/stream/c").rglob("*"):
        if file.is_file():
            file.write_bytes(packer.compress(zstandard.decompress(file.read_bytes())))


def weather() -> None:
    times = np.array(["2024-01-01T00", "2024-01-01T06"], "M8[ns]")
    air = xr.Dataset(
        {"t": (("time", "x"), np.array([[1.5, np.nan, 3], [4, 5, 6]], "f4"), {"units": "K"})},
        coords={"time": times, "x": [10, 20, 30]},
        attrs={"title": "air"},
    )
    deep = xr.Dataset({"salt": ("z", np.array([35, 36], "i2"))}, attrs={"depth": 3000})
    ocean = xr.Dataset(attrs={"a": 1})
    tree = xr.DataTree.from_dict({"/": air, "/ocean": ocean, "/ocean/deep": deep})
    tree.to_zarr(MADE / "weather", mode="w", zarr_format=3, consolidated=True)


def alone() -> None:
    zarr.create_array(MADE / "alone.zarr", data=np.arange(4), attributes={"units": "m"})


if __name__ == "__main__":
    plain()
    codecs()
    weather()
    alone()
    files = {
        str(file.relative_to(MADE)): base64.b64encode(file.read_bytes()).decode()
        for file in sorted(MADE.rglob("*"))
        if file.is_file()
    }
    packed = gzip.compress(json.dumps(files).encode(), mtime=0)
    (HERE / "stores.json.gz").write_bytes(packed)
