"""numpy: the transposed copy of a square array, and packed numbers unpacked as CF has them."""

import time

import numpy as np
from take_part import now_ns, take_part


def transpose(request):
    side = request["side"]
    array = np.empty((side, side), dtype=np.float32)
    array[:] = np.arange(side, dtype=np.float32)
    start = now_ns()
    turned = np.ascontiguousarray(array.T)
    done = now_ns()
    assert turned[0, side - 1] == 0 and turned[1, 0] == 1
    return {"seconds": (done - start) / 1e9}


def scale(request):
    packed = (np.arange(request["packed"]) & 0x3FFF).astype(np.int16)
    packed[1] = -32768
    start = time.process_time()
    values = packed.astype(np.float32)
    values *= np.float32(0.5)
    values += np.float32(250)
    values[packed == -32768] = np.nan
    done = time.process_time()
    assert values[0] == 250 and np.isnan(values[1]) and values[2] == 251
    return {"cpuSeconds": done - start}


take_part({"transpose": transpose, "scale": scale})
