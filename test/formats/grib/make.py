"""Makes grids.grib2 beside it: python make.py (with eccodes and numpy).

Three messages of 4 x 3 points: one point is missing; columns instead of rows; every other row goes
back.
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
