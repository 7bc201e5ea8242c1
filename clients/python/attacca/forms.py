"""Dtypes of numbers, strings and structs: sections 2 and 8 of the protocol, docs/types.md."""

from __future__ import annotations

import functools
import re
import struct
from typing import Any, List, Optional, Tuple

from .limits import _DEPTH_MAX, _FIELDS_MAX, _FORM_MAX, _ITEM_MAX
from .errors import AttaccaError

_DTYPES = (None, "bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64",
           "float16", "float32", "float64", "complex64", "complex128")
_ITEM_BYTES = (0, 1, 1, 1, 2, 2, 4, 4, 8, 8, 2, 4, 8, 8, 16)
_CASTS = {"bool": "?", "int8": "b", "uint8": "B", "int16": "h", "uint16": "H", "int32": "i",
          "uint32": "I", "int64": "q", "uint64": "Q", "float16": "e", "float32": "f",
          "float64": "d"}
_KINDS = {"b": "bool", "i": "int", "u": "uint", "f": "float", "c": "complex"}
# Strings and structs: `string[16]`, `{x:float32@0,y:int16@4;8}`. A form says what one is: the dtype
# of a number, None of a string; its bytes; of a struct its fields, as (name, offset, form).
_Form = Tuple[Optional[str], int, Tuple[Tuple[str, int, Any], ...]]
_STRING, _STRUCT = 15, 16         # codes on the wire
_TOKEN = re.compile(r"""\s*(?:([A-Za-z_][A-Za-z0-9_]*|[0-9]{1,9}|"(?:[^"\\]|\\["\\])*"|"""
                    r"""[{}\[\]:,;@])|$)""")
_CONTROL = re.compile("[\0-\x1f\x7f-\x9f\ud800-\udfff]")


def _checked(form: _Form, depth: int = 1) -> _Form:
    """The form, when it can be one; ValueError says why not."""
    end, (_, size, fields) = 0, form
    if not 1 <= size <= _ITEM_MAX:
        raise ValueError(f"an element has 1 to {_ITEM_MAX} bytes, not {size}")
    if len(fields) > _FIELDS_MAX or len({name for name, _, _ in fields}) < len(fields):
        raise ValueError("it has too many fields, or two of one name")
    if fields and depth > _DEPTH_MAX:
        raise ValueError(f"structs nest more than {_DEPTH_MAX} deep")
    for name, offset, inner in fields:
        if _CONTROL.search(name) or not 1 <= len(name.encode("utf-8")) <= 255:
            raise ValueError(f"a field cannot be called {name!r}")
        if offset < end:
            raise ValueError(f"the field {name!r} begins before the end of the one before it")
        end = offset + _checked(inner, depth + 1)[1]
    if end > size:
        raise ValueError("its fields end behind its elements")
    return form


def _parsed(text: str) -> _Form:
    """The form that a text says. Offsets and the size may be left out."""
    tokens, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"it cannot be read from character {at} on")
        tokens.append(match[1] or "")
        at = match.end()
    tokens.append("")
    tokens.reverse()

    def expect(sign: str) -> None:
        if tokens.pop() != sign:
            raise ValueError(f"it lacks a {sign!r}")

    def number() -> int:
        return int(tokens.pop())

    def form() -> _Form:
        word = tokens.pop()
        if word == "string":
            expect("[")
            size = number()
            expect("]")
            return None, size, ()
        if word != "{":
            return word, _ITEM_BYTES[_DTYPES.index(word)], ()
        fields: List[Tuple[str, int, Any]] = []
        end = 0
        while True:
            name = tokens.pop()
            if name[:1] == '"':
                name = re.sub(r"\\(.)", r"\1", name[1:-1])
            elif not re.match("[A-Za-z_]", name):
                raise ValueError("a field lacks its name")
            expect(":")
            inner = form()
            if tokens[-1] == "@":
                tokens.pop()
                end = number()
            fields.append((name, end, inner))
            end += inner[1]
            if tokens[-1] != ",":
                break
            tokens.pop()
        if tokens[-1] == ";":
            tokens.pop()
            end = number()
        expect("}")
        return None, end, tuple(fields)

    found = form()
    if tokens.pop() or tokens:
        raise ValueError("something stands behind its end")
    return _checked(found)


@functools.lru_cache(256)
def _form(text: str) -> _Form:
    try:
        form = _parsed(text)
        if len(_encoded(form)) > _FORM_MAX:
            raise ValueError(f"it takes more than {_FORM_MAX} bytes")
    except (ValueError, IndexError, RecursionError) as error:
        raise AttaccaError("bad-space", f"Cannot use \"{text[:100]}\" as a dtype: {error}",
                           {"dtype": text[:100]}) from error
    return form


def _form_text(form: _Form) -> str:
    """The one text of a form."""
    number, size, fields = form
    if number is not None:
        return number
    if not fields:
        return f"string[{size}]"
    inner = []
    for name, offset, each in fields:
        plain = re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name)
        quoted = name if plain else '"' + re.sub(r'(["\\])', r"\\\1", name) + '"'
        inner.append(f"{quoted}:{_form_text(each)}@{offset}")
    return "{" + ",".join(inner) + f";{size}" + "}"


def _form_code(form: _Form) -> int:
    return _DTYPES.index(form[0]) if form[0] else _STRUCT if form[2] else _STRING


def _encoded(form: _Form) -> bytes:
    number, size, fields = form
    if number is not None:
        return b""
    if not fields:
        return struct.pack("<I", size)
    parts = [struct.pack("<IB", size, len(fields))]
    for name, offset, inner in fields:
        raw = name.encode("utf-8")
        parts.append(bytes((len(raw),)) + raw + struct.pack("<IB", offset, _form_code(inner)))
        parts.append(_encoded(inner))
    return b"".join(parts)


def _is_described(dtype: Optional[str]) -> bool:
    """Whether it is a string or a struct."""
    return dtype is not None and dtype.startswith(("string", "{"))
