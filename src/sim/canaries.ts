import { BLOCK_SLICE } from '../catalog/extents.js';
import { PoolLoop } from '../loop/pool-loop.js';
import { HANDLE, HANDLE_STATE, VERSION, VERSION_FLAG } from '../pool/rows.js';
import type { Slips } from './agent.js';
import { EVENT_CANARIES } from './event-canaries.js';
import { FINDING_CANARIES } from './finding-canaries.js';
import { GROUP_CANARIES } from './group-canaries.js';
import { KEEPING_CANARIES } from './keeping-canaries.js';
import type { Machines } from './machines.js';
import type { Manager } from './manager.js';
import { MEETING_CANARIES } from './meeting-canaries.js';
import { DATA_CANARIES, OPEN_CANARIES } from './open-canaries.js';
import { PARTS_CANARIES } from './parts-canaries.js';
import { CELL_BYTES } from './slabs.js';
import { STATISTICS_CANARIES } from './statistics-canaries.js';
import { STEP_CANARIES } from './step-canaries.js';
import { STORING_CANARIES } from './storing-canaries.js';
import type { Rule } from './violation.js';
import type { Special } from './workload.js';

const PAGE_BYTES = 4_096;

/** A bug that is planted to prove that the simulator finds it. */
export interface Canary {
  /** The rule that finds it, in one of the seeds; those in which another does are passed over. */
  readonly breaks: Rule;
  readonly plant?: (manager: Manager) => void;
  readonly machines?: (machines: Machines) => Partial<Machines>;
  /** An agent that keeps its transfers in another order. */
  readonly agent?: Slips;
  /** What it is in: few of the worlds come by it else. */
  readonly mostly?: Special;
  /** The first of the seeds that are tried, where few come by it: one near it. */
  readonly first?: number;
}

/** All of them: at least one for each rule. */
export const allCanaries = (): { readonly [name: string]: Canary } => ({
  ...CANARIES,
  ...EVENT_CANARIES,
  ...STEP_CANARIES,
  ...MEETING_CANARIES,
  ...GROUP_CANARIES,
  ...STORING_CANARIES,
});

/** Bugs as they are made, but for those of events. */
export const CANARIES: { readonly [name: string]: Canary } = {
  'a handle that withdrew may offer again': {
    breaks: 'answers',
    plant: ({ pool: { handles } }) => {
      const set = handles.set.bind(handles);
      handles.set = (row, field, value) => {
        const isWithdrawn = field === HANDLE.state && value === HANDLE_STATE.withdrawn;
        set(row, field, isWithdrawn ? HANDLE_STATE.sealed : value);
      };
    },
  },
  'a slice is delivered from beside its place': {
    breaks: 'I2 slices',
    first: 27,
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
    breaks: 'I2 slices',
    first: 9,
    plant: ({ pool: { versions } }) => {
      const get = versions.get.bind(versions);
      versions.get = (row, field) => (field === VERSION.leases ? 0 : get(row, field));
    },
  },
  'what is kept goes with its member': {
    breaks: 'answers',
    plant: ({ pool: { versions } }) => {
      const get = versions.get.bind(versions);
      versions.get = (row, field) =>
        field === VERSION.flags ? get(row, field) & ~VERSION_FLAG.scopePool : get(row, field);
    },
  },
  'a reader that disposes is not counted down': {
    breaks: 'invariants',
    plant: ({ pool: { versions } }) => {
      const add = versions.add.bind(versions);
      versions.add = (row, field, delta) =>
        field === VERSION.leases && delta === -1
          ? versions.get(row, field)
          : add(row, field, delta);
    },
  },
  'memory that a session leases is granted to another': {
    breaks: 'I4 grants',
    first: 12,
    plant: ({ pool: { extents } }) => {
      const offsetOf = extents.offsetOf.bind(extents);
      let count = 0;
      extents.offsetOf = (block) => (++count % 40 === 0 ? 0 : offsetOf(block));
    },
  },
  'payloads within messages are not counted back': {
    breaks: 'invariants',
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
  'a slice within a message is delivered from beside its place': {
    breaks: 'I2 messages',
    plant: ({ pool: { arena, versions } }) => {
      const get = versions.get.bind(versions);
      let payload = 0;
      versions.get = (row, field) => {
        const value = get(row, field);
        if (field === VERSION.bytes) payload = value;
        return value;
      };
      const start = arena.start.bind(arena);
      arena.start = (reference) => start(reference) + (reference === payload ? 1 : 0);
    },
  },
  'less is granted than was asked for': {
    breaks: 'I4 sizes',
    plant: ({ pool: { extents } }) => {
      const lease = extents.lease.bind(extents);
      extents.lease = (size, least, owner) =>
        least > CELL_BYTES
          ? lease(size - CELL_BYTES, least - CELL_BYTES, owner)
          : lease(size, least, owner);
    },
  },
  'a file that was adopted is refused': {
    breaks: 'I4 adopted',
    first: 38,
    plant: ({ loop }) => {
      const input = loop.input.bind(loop);
      const failure = { code: 'file-error', message: 'Cannot adopt' } as const;
      loop.input = (one) => input(one.kind === 'adopted' ? { ...one, failure } : one);
    },
  },
  'a slab that is in use is given up': {
    breaks: 'I4 slabs',
    plant: ({ pool: { effects, extents } }) => {
      const splice = effects.splice.bind(effects);
      effects.splice = (start: number) => {
        const slab = [...extents.slabs.keys()].find((number) => !extents.isFree(number));
        const taken = splice(start);
        if (slab !== undefined) taken.push({ kind: 'slab-gone', slab });
        return taken;
      };
    },
  },
  'a slab is removed that is in use': {
    breaks: 'I4 use',
    plant: ({ loop, pool: { extents } }) => {
      const step = loop.step.bind(loop);
      loop.step = (now) => {
        const batch = step(now);
        const slab = [...extents.slabs.keys()].find((number) => !extents.isFree(number));
        if (slab === undefined) return batch;
        return { ...batch, effects: [...batch.effects, { kind: 'slab-gone', slab }] };
      };
    },
  },
  'a slab is taken for one page larger than it is': {
    breaks: 'I5 bytes',
    plant: ({ loop }) => {
      const input = loop.input.bind(loop);
      loop.input = (one) =>
        input(one.kind === 'slab-ready' ? { ...one, size: one.size + PAGE_BYTES } : one);
    },
  },
  'the death of a process is not passed on': {
    breaks: 'counts',
    plant: ({ loop }) => {
      const input = loop.input.bind(loop);
      loop.input = (one) => {
        if (one.kind !== 'session-gone') input(one);
      };
    },
  },
  'a deadline passes before its time': {
    breaks: 'who waits hears nothing',
    plant: ({ pool: { waits } }) => {
      const begin = waits.begin.bind(waits);
      waits.begin = (kind, session, request, subject, { now, deadline }) =>
        begin(kind, session, request, subject, { now, deadline: (now + deadline) / 2 });
    },
  },
  'nobody wakes for a deadline': {
    breaks: 'liveness',
    plant: (manager) => {
      Object.defineProperty(manager, 'nextDeadline', { get: () => Number.POSITIVE_INFINITY });
    },
  },
  'the connection of a session that has ended stays open': {
    breaks: 'everybody ends',
    plant: ({ events }) => {
      events.onClose = () => {};
    },
  },
  'one frame of fifty is not sent': {
    breaks: 'messages are in order',
    plant: ({ events }) => {
      const onFrame = events.onFrame.bind(events);
      let count = 0;
      events.onFrame = (connection, bytes) => {
        if (++count % 50 !== 0) onFrame(connection, bytes);
      };
    },
  },
  'a session that goes on passes for a new one': {
    breaks: 'sessions are resumed',
    plant: ({ events }) => {
      const onAccept = events.onAccept.bind(events);
      events.onAccept = (connection, accepted) =>
        onAccept(connection, { ...accepted, resumed: false });
    },
  },
  'a slab is asked for twice': {
    breaks: 'slabs are made once',
    plant: ({ events }) => {
      const onEffect = events.onEffect.bind(events);
      events.onEffect = (effect) => {
        onEffect(effect);
        if (effect.kind === 'slab-wanted') onEffect(effect);
      };
    },
  },
  'what is sent again is another': {
    breaks: 'same bytes again',
    first: 3,
    plant: ({ loop }) => {
      const resume = loop.resumeSession.bind(loop);
      loop.resumeSession = (session, received) => {
        const resumed = resume(session, received);
        for (const frame of resumed.frames) {
          const last = frame.length - 1;
          frame[last] = (frame[last] ?? 0) ^ 1;
        }
        return resumed;
      };
    },
  },
  'a batch is stepped and nobody hears of it': {
    breaks: 'batches are in order',
    plant: ({ loop }) => {
      const step = loop.step.bind(loop);
      loop.step = (now) => {
        PoolLoop.prototype.step.call(loop, now);
        return step(now);
      };
    },
  },
  'a frame that comes again takes effect again': {
    breaks: 'acks are of what came',
    first: 12,
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
    breaks: 'no gaps',
    first: 3,
    plant: ({ loop }) => {
      const resume = loop.resumeSession.bind(loop);
      loop.resumeSession = (session, received) => {
        const resumed = resume(session, received);
        return { ...resumed, frames: resumed.frames.slice(1) };
      };
    },
  },
  'requests are acknowledged that never came': {
    breaks: 'acks are of what came',
    first: 35,
    plant: ({ loop }) => {
      const ackDue = loop.ackDue.bind(loop);
      loop.ackDue = (session, soon) => {
        const ack = ackDue(session, soon);
        return ack === 0 ? 0 : ack + 1;
      };
    },
  },
  'a promise by glob is forgotten': {
    breaks: 'counts',
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
  ...OPEN_CANARIES,
  ...DATA_CANARIES,
  ...PARTS_CANARIES,
  ...STATISTICS_CANARIES,
  ...FINDING_CANARIES,
  ...KEEPING_CANARIES,
};
