"""Attacca for Python: hand named, typed data objects to other programs through a pool.

    import attacca
    with attacca.join("producer[0]") as pool:             # ATTACCA_POOL holds the address
        pool.offer("t/850", data, dtype="float32", shape=(181, 360))
    with attacca.join("consumer[0]") as pool:
        with pool.demand("t/850", timeout=30) as field:
            print(field.view[0, 0], field.attributes)     # or numpy.asarray(field)

One directory, so that it can be copied to where it is needed; the standard library alone; written
from spec/protocol.md. Every call is safe from any thread. One background thread owns the
connection: it numbers, sends, acknowledges, and resumes the session when the connection is lost.
Callers only hand it requests, so that a KeyboardInterrupt can end any wait and leaves the
connection sound. Every wait has a deadline: `timeout` in seconds, None for the pool's default of
ten minutes, `attacca.NEVER` to wait without end.

A name that begins with an underscore is the package's own. Modules import one way: each only those
that stand before it in this list, but for types.

    limits, errors, forms, space, values, writing, reading, layouts, timing        the wire
    connecting, session, memory, data_link                                         connections
    buffers, told, regions, encodings, casting, laying, specs, units, computing,   elements
    chains
    shaping, delivered, handles, group, transfers, moving, open_object             objects
    cube_labels, cube_objects, cube_array, cube_state, cube_dimensions,            cubes
    cube_looking, cube_demanding, cube
    events, standing                                                               events
    call_trace, pool_core, demanding, offering, opening, querying, changing,       calls
    defining, subscribing, requiring, pool
"""

from .cube import Cube
from .cube_array import CubeArray
from .delivered import Delivered, DeliveredGroup
from .errors import AttaccaError
from .events import Event, Subscription
from .group import Group, GroupObject
from .handles import Offer, Promise, Requirement
from .limits import NEVER
from .open_object import OpenObject
from .pool import Pool, join
from .space import Space
from .standing import RequiredAll
from .told import Changed, Definition, Facets, Found, Histogram
from .transfers import MappedRegion, RegionLock, RegionTransfer
from .values import Timestamp

__all__ = ["join", "Pool", "Offer", "Requirement", "Delivered", "Promise", "Found", "Changed",
           "Facets", "Histogram", "Definition", "Cube", "CubeArray", "OpenObject", "RegionLock",
           "RegionTransfer", "MappedRegion", "Group", "GroupObject", "DeliveredGroup", "Event",
           "Subscription", "RequiredAll", "Space", "Timestamp", "AttaccaError", "NEVER"]
