"""Bounds and sizes, those of the protocol (spec/protocol.md) and this client's own."""

from __future__ import annotations

import math

NEVER = math.inf
_VERSION = 1
_FRAME_MAX = 4_194_304            # section 3: what `size` may say on a control connection
_DATA_FRAME_MAX = 1_048_640       # and on a data connection
_DATA_CHUNK = 1 << 20             # bytes of one WRITE
_DATA_WINDOW = 4                  # WRITE frames under way before their DONE is awaited
_INLINE_MAX = 16 << 10            # payloads up to this travel in the message
_FRAME_SOFT = 1 << 20             # no more messages join a frame of this size
_UNACKED_MAX, _UNACKED_BYTES_MAX = 4096, 16 << 20    # requests sent and not acknowledged
_ACK_AFTER, _ACK_BYTES, _ACK_S = 256, 256 << 10, 0.2  # well below 1,024, 1 MiB, 1 s of section 6
_HEARTBEAT_S, _SILENCE_S = 4.0, 20.0  # over TCP: when to send one, when to give a peer up
_CONNECT_S = 10.0
_DEFAULT_S = 600.0                # the pool's default deadline
_GRACE_S = 1.0                    # how much longer than the pool this side waits
_SLEEP_S = 1.0                    # a signal that comes just before a sleep waits for its end
_LEASE_FIRST, _LEASE_MAX = 1 << 20, 64 << 20  # what is asked for grows with use
_STORES_MAX = 8                   # attempts to store bytes whose memory goes with its manager
_PIECE_MAX = 64 << 20             # a larger write goes in pieces: so much more memory it takes
_GATHER_MAX, _REGIONS_MAX = 8 << 20, 4096     # bytes and regions of one request of many
_COPY_CHUNK = 8 << 20             # a copy holds the interpreter; others get a turn in between
_PAGES = {"name": 4096, "all": 512, "attributes": 2048}  # objects a page; in the order of `detail`
_PART_VALUES = 4096               # values that are asked for of each part of the pool
_AXES_MAX, _PLACES_MAX = 12, 1 << 20  # axes of a cube, and places that one demand plans over
_PROBES_MAX, _PROBES_AT_ONCE = 1 << 16, 64  # questions which parts of objects are there
_GROUP_NAMES_MAX = 56 << 10      # what the names of one group take in its attribute
_GROUP_INLINE_MAX = 1 << 20       # payloads that go with the message of a group
_TRANSFORMS_MAX = 64              # of a chain
_BINS_MAX = 64                    # of a histogram, as the pool's have
_ITEM_MAX, _FIELDS_MAX, _DEPTH_MAX, _FORM_MAX = 65536, 255, 4, 8192
_CONSISTENCIES = ("posix", "commit", "session", "eventual")
_ANY = 0xFFFFFFFF                 # "none" for a handle, "never" for a deadline
