"""numpy: the transposed copy of a square array."""

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


take_part({"transpose": transpose})
