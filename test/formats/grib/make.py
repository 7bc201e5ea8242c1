"""Makes grids.grib2 and places.grib beside it: python make.py (with eccodes and numpy).

grids: three messages of 4 x 3 points: one point is missing; columns instead of rows; every other
row goes back. places: where the points of grids lie, by one value each.
"""

from pathlib import Path

import eccodes
import numpy as np

VALUES = np.arange(12.0)
KINDS = ({"bitmapPresent": 1}, {"jPointsAreConsecutive": 1}, {"alternativeRowScanning": 1})

with open(Path(__file__).parent / "grids.grib2", "wb") as f:
    for keys in KINDS:
        handle = eccodes.codes_grib_new_from_samples("regular_ll_sfc_grib2")
        grid = {
            "Ni": 4,
            "Nj": 3,
            "latitudeOfFirstGridPointInDegrees": 60,
            "longitudeOfFirstGridPointInDegrees": 0,
            "latitudeOfLastGridPointInDegrees": 40,
            "longitudeOfLastGridPointInDegrees": 30,
            "iDirectionIncrementInDegrees": 10,
            "jDirectionIncrementInDegrees": 10,
            "packingType": "grid_simple",
            "bitsPerValue": 16,
            "shortName": "2t",
        }
        for key, value in {**grid, **keys}.items():
            eccodes.codes_set(handle, key, value)
        values = VALUES.copy()
        if "bitmapPresent" in keys:
            values[5] = eccodes.codes_get(handle, "missingValue")
        eccodes.codes_set_values(handle, values)
        eccodes.codes_write(handle, f)
        eccodes.codes_release(handle)

PLACES = (
    # Around the globe, in edition 1, whose thousandths make the last longitude 359.297.
    ("regular_ll_sfc_grib1", {"Ni": 512, "Nj": 2, "longitudeOfLastGridPoint": 359297}),
    # Across the meridian where longitudes begin anew, from south to north.
    (
        "regular_ll_sfc_grib2",
        {
            **{"Ni": 3, "Nj": 3, "jScansPositively": 1},
            **{"latitudeOfFirstGridPointInDegrees": 49.9, "latitudeOfLastGridPointInDegrees": 50.1},
            **{"longitudeOfFirstGridPointInDegrees": 350, "longitudeOfLastGridPointInDegrees": 10},
            **{"iDirectionIncrementInDegrees": 10, "jDirectionIncrementInDegrees": 0.1},
        },
    ),
    ("regular_gg_sfc_grib2", {}),
    ("reduced_gg_sfc_grib2", {}),
    ("rotated_ll_sfc_grib2", {}),
)

with open(Path(__file__).parent / "places.grib", "wb") as f:
    for sample, keys in PLACES:
        handle = eccodes.codes_grib_new_from_samples(sample)
        for key, value in keys.items():
            eccodes.codes_set(handle, key, value)
        count = keys.get("Ni", 0) * keys.get("Nj", 0) or eccodes.codes_get(handle, "numberOfPoints")
        eccodes.codes_set_values(handle, np.ones(count))
        eccodes.codes_write(handle, f)
        eccodes.codes_release(handle)
