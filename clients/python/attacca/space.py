"""The form of an object."""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple, Optional, Tuple

from .forms import _DTYPES, _Form, _form, _is_described, _ITEM_BYTES

_ORDERS = (None, "row", "column")
_BYTE_ORDERS = (None, "little", "big")


class Space(NamedTuple):
    """The form of an object. None is unset: in an expectation it matches everything."""

    dtype: Optional[str] = None
    shape: Optional[Tuple[Optional[int], ...]] = None
    order: Optional[str] = None       # "row" or "column"
    byteorder: Optional[str] = None   # "little" or "big"

    @property
    def itemsize(self) -> int:
        """Bytes of one element; 0 while the dtype is unset."""
        if _is_described(self.dtype):
            return _form(str(self.dtype))[1]
        return _ITEM_BYTES[_DTYPES.index(self.dtype)]

    @property
    def typestr(self) -> str:
        """The dtype as numpy writes it, as `<f4`; of a struct without its fields, as `|V8`."""
        if _is_described(self.dtype):
            return f"|{'V' if _form(str(self.dtype))[2] else 'S'}{self.itemsize}"
        kind = "b" if self.dtype == "bool" else (self.dtype or "u")[0]
        sign = "|" if self.itemsize <= 1 else ">" if self.byteorder == "big" else "<"
        return f"{sign}{kind}{self.itemsize}"

    @property
    def numpy_dtype(self) -> Any:
        """The dtype of numpy, with all fields and gaps. Needs numpy."""
        numpy = importlib.import_module("numpy")

        def made(form: _Form) -> Any:
            number, size, fields = form
            if not fields:
                text = number or f"string[{size}]"
                return numpy.dtype(self._replace(dtype=text).typestr)
            return numpy.dtype({"names": [name for name, _, _ in fields],
                                "formats": [made(inner) for _, _, inner in fields],
                                "offsets": [offset for _, offset, _ in fields],
                                "itemsize": size})

        if not _is_described(self.dtype):
            return numpy.dtype(self.typestr)
        return made(_form(str(self.dtype)))
