"""Objects that are kept encoded: docs/transforms.md."""

from __future__ import annotations

import importlib
import json
import math
import struct
import zlib
from typing import Any, Mapping, Optional, Tuple

from .errors import AttaccaError
from .forms import _is_described
from .space import Space

_ENCODING = "attacca.encoding"
_COMPARED = ("bad-region", "object-mismatch")
_PACKAGES = {"zstd": ("zstandard", "zstandard"), "lz4": ("lz4.block", "lz4"),
             "blosc": ("blosc", "blosc")}


def _package(module: str, package: str, why: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise AttaccaError("transform-failed", f"Cannot decode {why} without the package "
                           f"{package}: pip install {package}") from error


def _decoded(raw: memoryview, text: str, name: str) -> Tuple[memoryview, Space]:
    """The elements that `raw` is an encoding of, and their space: undoes the chain, last first."""
    try:
        told = json.loads(text)
        space = Space(told["space"]["dtype"], tuple(map(int, told["space"]["shape"])),
                      told["space"]["order"], told["space"]["byteOrder"])
        chain, before = list(told["chain"]), [space]
        for step in chain:
            before.append(_after(step, before[-1]))
        data: Any = raw
        for step, given, gave in zip(reversed(chain), reversed(before[:-1]), reversed(before)):
            data = _undone(step, given, gave, data)
        data = memoryview(data).cast("B")
        if len(data) != math.prod(size or 0 for size in space.shape or ()) * space.itemsize:
            raise ValueError(f"they are {len(data)} bytes")
    except AttaccaError:
        raise
    except Exception as error:  # of whatever library, on bytes of whoever
        raise AttaccaError("transform-failed", f"Cannot decode \"{name}\": {error}",
                           {"name": name}) from error
    return data, space


def _encoding_in(found: Mapping[str, Any]) -> Optional[str]:
    """The encoding of what was delivered, while its bytes are as the pool has them."""
    text = found["attributes"].get(_ENCODING)
    is_there = isinstance(text, str) and found["source"] != 4 and not found.get("decoded")
    return text if is_there else None


def _meets(space: Space, expected: Space) -> bool:
    sizes = expected.shape
    return all(want is None or want == has for want, has in (
        (expected.dtype, space.dtype), (expected.order, space.order),
        (expected.byteorder, space.byteorder))) and (sizes is None or (
            len(sizes) == len(space.shape or ()) and all(
                want is None or want == has for want, has in zip(sizes, space.shape or ()))))


def _after(step: Mapping[str, Any], given: Space) -> Space:
    kind, shape = step["kind"], given.shape or ()
    if kind == "order":
        return given._replace(order=step["order"])
    if kind == "byte-order":
        return given._replace(byteorder=step["byteOrder"])
    if kind == "dtype":
        return given._replace(dtype=step["dtype"])
    if kind == "pack":
        return given._replace(dtype=step["dtype"], byteorder="little")
    if kind == "bitround":
        return given._replace(byteorder="little")
    if kind == "transpose" and step.get("axes") is None:
        other = "column" if given.order == "row" else "row"
        return given._replace(shape=shape[::-1], order=other)
    if kind in ("shuffle", "unshuffle"):
        return given
    if kind == "compress":
        return Space("uint8", None, "row", "little")
    raise ValueError(f"this client cannot undo {kind!r}")


def _undone(step: Mapping[str, Any], given: Space, gave: Space, data: Any) -> Any:
    """Bytes of `given`, out of what the step has made of them."""
    kind = step["kind"]
    if kind == "compress":
        if given.shape is None:
            raise ValueError("what is compressed twice has no known size")
        count = math.prod(size or 0 for size in given.shape)
        return _unpacked(step["codec"], data, count * given.itemsize)
    if kind == "transpose" or (kind in ("bitround", "byte-order") and given == gave):
        return data
    if kind in ("shuffle", "unshuffle"):
        size, source = int(step["itemSize"]), memoryview(data).cast("B")
        count = len(source) // size
        out = bytearray(source)
        for byte in range(size):
            if kind == "shuffle":
                out[byte:count * size:size] = source[byte * count:(byte + 1) * count]
            else:
                out[byte * count:(byte + 1) * count] = source[byte:count * size:size]
        return out
    if kind == "dtype" and (_is_described(given.dtype) or _is_described(gave.dtype)):
        raise ValueError("this client does not convert strings and structs")
    numpy = _package("numpy", "numpy", kind)
    shape, order = gave.shape, "C" if gave.order == "row" else "F"
    array = numpy.ndarray(shape, gave.numpy_dtype, memoryview(data), order=order)
    if kind == "pack":
        packed, fill = array, step.get("fill")
        array = packed * float(step.get("scale", 1)) + float(step.get("offset", 0))
        if fill is not None:
            array[packed == fill] = numpy.nan
    order = "C" if given.order == "row" else "F"
    return bytearray(array.astype(given.numpy_dtype).tobytes(order))


def _unpacked(codec: str, data: Any, size: int) -> bytes:
    """Never more than it is said to be."""
    if codec == "gzip":
        unpacker = zlib.decompressobj(31)
        unpacked = unpacker.decompress(data, size + 1)
        if not unpacker.eof:
            raise ValueError("they are cut, or more than their space has room for")
    else:
        package = _package(*_PACKAGES[codec], codec)
        if codec == "zstd":
            unpacked = package.ZstdDecompressor().decompress(bytes(data), max_output_size=size)
        else:
            said = struct.unpack_from("<I", data, 4 if codec == "blosc" else 0)[0]
            if said != size:
                raise ValueError(f"they say that they are {said} bytes")
            unpacked = package.decompress(bytes(data))
    if len(unpacked) != size:
        raise ValueError(f"they are {len(unpacked)} bytes, not {size}")
    return unpacked
