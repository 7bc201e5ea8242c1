import { BLOCK_SLICE } from '../catalog/extents.js';
import { HANDLE, HANDLE_STATE, VERSION, VERSION_FLAG, WAIT_KIND } from '../pool/rows.js';
import { KEEPING_CANARIES } from './keeping-canaries.js';
import type { Machines } from './machines.js';
import type { Manager } from './manager.js';
import { CELL_BYTES } from './slabs.js';
import type { Rule } from './violation.js';

/** A bug that is planted to prove that the simulator finds it. */
export interface Canary {
  /** The promise that it breaks; another may be seen broken first. */
  readonly breaks: Rule;
  readonly plant?: (manager: Manager) => void;
  readonly machines?: (machines: Machines) => Partial<Machines>;
  /** Found within so many seeds; 20 as a rule. */
  readonly seeds?: number;
  /** The first of them, where few seeds come by it: about one in two hundred then. */
  readonly first?: number;
}

/** Bugs as they are made, at least one for each promise that is checked. */
export const CANARIES: { readonly [name: string]: Canary } = {
  'a handle that withdrew may offer again': {
    breaks: 'I1 transitions',
    plant: ({ pool: { handles } }) => {
      const set = handles.set.bind(handles);
      handles.set = (row, field, value) => {
        const isWithdrawn = field === HANDLE.state && value === HANDLE_STATE.withdrawn;
        set(row, field, isWithdrawn ? HANDLE_STATE.sealed : value);
      };
    },
  },
  'a slice is delivered from beside its place': {
    breaks: 'I2 immutable',
    plant: ({ pool: { extents } }) => {
      const offsetOf = extents.offsetOf.bind(extents);
      let count = 0;
      extents.offsetOf = (block) => {
        const isOff = extents.stateOf(block) === BLOCK_SLICE && ++count % 5 === 0;
        return offsetOf(block) + (isOff ? CELL_BYTES : 0);
      };
    },
  },
  'bytes are freed while they are read': {
    breaks: 'I4 leases',
    plant: ({ pool: { versions } }) => {
      const get = versions.get.bind(versions);
      versions.get = (row, field) => (field === VERSION.leases ? 0 : get(row, field));
    },
  },
  'what is kept goes with its member': {
    breaks: 'I3 withdraw, leave',
    plant: ({ pool: { versions } }) => {
      const get = versions.get.bind(versions);
      versions.get = (row, field) =>
        field === VERSION.flags ? get(row, field) & ~VERSION_FLAG.scopePool : get(row, field);
    },
  },
  'a reader that disposes is not counted down': {
    breaks: 'I4 leases',
    plant: ({ pool: { versions } }) => {
      const add = versions.add.bind(versions);
      versions.add = (row, field, delta) =>
        field === VERSION.leases && delta === -1
          ? versions.get(row, field)
          : add(row, field, delta);
    },
  },
  'memory that a session leases is granted to another': {
    breaks: 'I4 leases',
    plant: ({ pool: { extents } }) => {
      const offsetOf = extents.offsetOf.bind(extents);
      let count = 0;
      extents.offsetOf = (block) => (++count % 40 === 0 ? 0 : offsetOf(block));
    },
  },
  'payloads within messages are not counted back': {
    breaks: 'I5 bytes',
    plant: ({ pool }) => {
      let bytes = 0;
      Object.defineProperty(pool, 'bytesInline', {
        get: () => bytes,
        set: (value: number) => {
          bytes = Math.max(bytes, value);
        },
      });
    },
  },
  'every third deadline is forgotten': {
    breaks: 'liveness',
    plant: ({ pool: { waits } }) => {
      const begin = waits.begin.bind(waits);
      let count = 0;
      waits.begin = (kind, session, request, subject, times) => {
        const isLost = kind === WAIT_KIND.demand && ++count % 3 === 0;
        const deadline = isLost ? Number.POSITIVE_INFINITY : times.deadline;
        return begin(kind, session, request, subject, { ...times, deadline });
      };
    },
  },
  'a frame that comes again takes effect again': {
    breaks: 'exactly once',
    plant: ({ loop }) => {
      const receive = loop.receive.bind(loop);
      loop.receive = (session, bytes, start, end) => {
        const again = bytes.slice(start, end);
        const view = new DataView(again.buffer);
        const next = BigInt(loop.receivedOf(session) + 1);
        if (view.getBigUint64(0, true) < next) view.setBigUint64(0, next, true);
        receive(session, again, 0, again.length);
      };
    },
  },
  'an answer is left off when a session is resumed': {
    breaks: 'exactly once',
    plant: ({ loop }) => {
      const resume = loop.resumeSession.bind(loop);
      loop.resumeSession = (session, received) => {
        const resumed = resume(session, received);
        return { ...resumed, frames: resumed.frames.slice(1) };
      };
    },
  },
  'requests are acknowledged that never came': {
    breaks: 'acknowledged is kept',
    seeds: 60,
    plant: ({ loop }) => {
      const ackDue = loop.ackDue.bind(loop);
      loop.ackDue = (session, soon) => {
        const ack = ackDue(session, soon);
        return ack === 0 ? 0 : ack + 1;
      };
    },
  },
  'a promise by glob is forgotten': {
    breaks: 'model',
    plant: ({ pool }) => {
      pool.promiseGlobs.push = () => 0;
    },
  },
  'every hundredth record is never freed': {
    breaks: 'nothing is left',
    plant: ({ pool: { arena } }) => {
      const free = arena.free.bind(arena);
      let count = 0;
      arena.free = (record) => {
        if (++count % 100 !== 0) free(record);
      };
    },
  },
  ...KEEPING_CANARIES,
};
