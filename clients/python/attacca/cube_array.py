"""A part of a cube."""

from __future__ import annotations

import importlib
from typing import Any, Dict, List, Optional, Tuple

from .values import Timestamp
from .delivered import Delivered


class CubeArray(Delivered):
    """A part of a cube: `dims`, `coords` by dimension (of those that have some), `shape`, `values`
    as an array of numpy; else as what is delivered. `attributes` are what all of its objects say
    alike, `coord_attributes` by dimension those of objects that have coordinates: units, say.
    `holes`: how many places were filled, in part or as a whole."""

    dims: Tuple[str, ...]
    coords: Dict[str, List[Any]]
    coord_attributes: Dict[str, Dict[str, Any]]
    holes: int

    @property
    def shape(self) -> Tuple[int, ...]:
        """Sizes, one for each of `dims`."""
        return tuple(size or 0 for size in self.space.shape or ())

    @property
    def dtype(self) -> Optional[str]:
        """Of its elements, as `float32`."""
        return self.space.dtype

    @property
    def values(self) -> Any:
        """An array of numpy over the same memory."""
        return importlib.import_module("numpy").asarray(self)

    def to_xarray(self) -> Any:
        """An `xarray.DataArray` of the same memory; timestamps become those of numpy."""
        numpy, xarray = importlib.import_module("numpy"), importlib.import_module("xarray")
        coords = {
            dimension: (dimension, [numpy.datetime64(int(label), "ns") for label in labels]
                        if labels and isinstance(labels[0], Timestamp) else labels,
                        self.coord_attributes.get(dimension, {}))
            for dimension, labels in self.coords.items()}
        return xarray.DataArray(self.values, coords=coords, dims=self.dims, name=self.name,
                                attrs=self.attributes)
