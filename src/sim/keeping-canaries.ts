import { BLOCK_FREE } from '../catalog/extents.js';
import { Writer } from '../core/bytes.js';
import { StateWriter } from '../core/state-codec.js';
import type { Disk } from '../journal/disk.js';
import { readJournal } from '../journal/recover.js';
import { BEGIN, type Place } from '../journal/segment.js';
import { writeSnapshot } from '../journal/snapshot.js';
import { NUMBER_ENTRY_SIZE } from '../loop/entries.js';
import type { makeSnapshot } from '../loop/history.js';
import type { Line } from '../loop/line.js';
import { decodePoolInfo } from '../loop/pool-info.js';
import { PoolLoop } from '../loop/pool-loop.js';
import { STEP_VERSION } from '../pool/step.js';
import { Messages, writeAck } from '../protocol/index.js';
import type { Canary } from './canaries.js';

/** A disk that does some of it otherwise. */
function diskWith(disk: Disk, other: Partial<Disk>): Disk {
  return {
    list: () => disk.list(),
    create: (name, size) => disk.create(name, size),
    write: (name, offset, bytes, sync) => disk.write(name, offset, bytes, sync),
    read: (name, offset, target) => disk.read(name, offset, target),
    truncate: (name, size) => disk.truncate(name, size),
    put: (name, fill) => disk.put(name, fill),
    get: (name, use) => disk.get(name, use),
    rename: (from, to) => disk.rename(from, to),
    remove: (name) => disk.remove(name),
    syncDirectory: () => disk.syncDirectory(),
    close: () => disk.close(),
    ...other,
  };
}

/**
 * Makes snapshots, while the journal is there from its begin, that say to end with one record more
 * than they hold, or with one less.
 */
function wrongSnapshot(says: 'more' | 'less'): typeof makeSnapshot {
  return async (disk, { checksum, upTo, info }) => {
    let loop: PoolLoop | null = null;
    let before: Place = BEGIN;
    const { place } = await readJournal(disk, {
      checksum,
      stepVersion: STEP_VERSION,
      after: BEGIN,
      upTo,
      begin: (first) => {
        loop = new PoolLoop(decodePoolInfo(first.info).options, checksum);
      },
      use: (record) => {
        const { number, crc } = record;
        if (number < upTo) before = { number, crc };
        if (number < upTo || says === 'less') loop?.replay(record);
      },
    });
    const after = says === 'more' ? place : before;
    if (loop === null || place.number !== upTo || after.number === 0) return null;
    const made: PoolLoop = loop;
    let hash = 0;
    const header = { stepVersion: STEP_VERSION, after, info };
    const firstNeeded = await writeSnapshot(disk, header, checksum, (sink) => {
      const writer = new StateWriter(sink, checksum);
      made.save(writer);
      writer.end();
      hash = writer.checksum;
    });
    return { number: after.number, firstNeeded, hash, bytes: 0 };
  };
}

/** Bugs of how a pool is kept. */
export const KEEPING_CANARIES: { readonly [name: string]: Canary } = {
  'a batch is released before it is durable': {
    breaks: 'released is found',
    first: 3,
    plant: (manager) => {
      const journal = manager.keeper?.journal;
      if (journal === undefined) return;
      const append = journal.append.bind(journal);
      journal.append = (batch) => {
        const number = append(batch);
        manager.durable(number);
        return number;
      };
    },
  },
  'a session is accepted before it is durable': {
    breaks: 'sessions are kept',
    first: 10,
    plant: (manager) => {
      const hello = manager.hello.bind(manager);
      manager.hello = (connection, session, received) => {
        hello(connection, session, received);
        manager.accept(manager.sessionOf(connection));
      };
    },
  },
  'requests are acknowledged before they are durable': {
    breaks: 'requests are kept',
    plant: (manager) => {
      const take = manager.messages.bind(manager);
      const messages = new Messages();
      manager.messages = (connection, bytes) => {
        take(connection, bytes);
        if (manager.sessionOf(connection) === 0) return;
        messages.open(bytes, 0, bytes.length);
        const w = new Writer(16);
        writeAck(w, messages.first + messages.count - 1);
        manager.events.onFrame(connection, w.written());
      };
    },
  },
  'records are not synced': {
    breaks: 'a pool can be recovered',
    first: 3,
    machines: () => ({
      disk: (disk) =>
        diskWith(disk, {
          write: (name, offset, bytes) => disk.write(name, offset, bytes, false),
        }),
    }),
  },
  'a sync that failed is tried again': {
    breaks: 'released is found',
    first: 82,
    machines: () => ({
      disk: (disk) =>
        diskWith(disk, {
          write: (...written) => disk.write(...written).catch(() => disk.write(...written)),
        }),
    }),
  },
  'what is written without sync is not synced with its segment': {
    breaks: 'a pool can be recovered',
    first: 536,
    machines: () => ({
      disk: (disk) =>
        diskWith(disk, {
          write: (name, offset, bytes, sync) =>
            disk.write(name, offset, bytes, sync && bytes.length > 0),
        }),
    }),
  },
  'a segment is read with another bit': {
    breaks: 'a closed segment is sound',
    machines: () => ({
      disk: (disk) =>
        diskWith(disk, {
          read: async (name, offset, target) => {
            const size = await disk.read(name, offset, target);
            if (size > 5_000) target[4_999] = (target[4_999] as number) ^ 1;
            return size;
          },
        }),
    }),
  },
  'a recovery makes up a batch': {
    breaks: 'what is found was stepped',
    machines: ({ revive }) => ({
      revive: async (disk, options) => {
        const { loop, info, recovered } = await revive(disk, options);
        if (loop === null) return { loop, info, recovered };
        loop.run(loop.pool.now);
        const after = { ...recovered.after, number: recovered.after.number + 1 };
        return { loop, info, recovered: { ...recovered, after } };
      },
    }),
  },
  'a snapshot is said to be there that is not': {
    breaks: 'a clean stop leaves no tail',
    machines: ({ makeSnapshot }) => ({
      makeSnapshot: async (disk, options) => {
        const nowhere = diskWith(disk, {
          put: (_name, fill) => Promise.resolve(fill(() => {})),
          rename: () => Promise.resolve(),
        });
        const made = await makeSnapshot(nowhere, options);
        return made === null ? null : { ...made, firstNeeded: 0 };
      },
    }),
  },
  'the directory is not synced': {
    breaks: 'a clean stop keeps all',
    machines: () => ({
      disk: (disk) => diskWith(disk, { syncDirectory: () => Promise.resolve() }),
    }),
  },
  'a record that is torn passes for whole': {
    breaks: 'a pool can be recovered',
    first: 37,
    machines: () => ({ checksum: () => 0 }),
  },
  'a snapshot holds one record less than it says': {
    breaks: 'a clean stop says what is',
    machines: () => ({ makeSnapshot: wrongSnapshot('more') }),
  },
  'a snapshot holds one record more than it says': {
    breaks: 'the journal can be replayed',
    machines: () => ({ makeSnapshot: wrongSnapshot('less') }),
  },
  'a departure is noted with another time than when it is done again': {
    breaks: 'replay is the same',
    first: 25,
    plant: ({ pool: { departed } }) => {
      const set = departed.set.bind(departed);
      departed.set = (member, row) => set(member, { ...row, when: row.when + 1 });
    },
  },
  'what the agent was asked for is forgotten': {
    breaks: 'the agent answers',
    machines: () => ({ pendingEffects: () => [] }),
  },
  'a session comes back with one request less': {
    breaks: 'answered once',
    first: 38,
    machines: ({ revive }) => ({
      revive: async (disk, options) => {
        const revived = await revive(disk, options);
        for (const line of revived.loop?.sessions() ?? []) {
          const { incoming } = line as Line;
          if (incoming.received === 0) continue;
          incoming.received--;
          incoming.settled--;
        }
        return revived;
      },
    }),
  },
  'a session is told that one request more has come': {
    breaks: 'liveness',
    first: 9,
    machines: ({ revive }) => ({
      revive: async (disk, options) => {
        const revived = await revive(disk, options);
        const { loop } = revived;
        if (loop === null) return revived;
        const resume = loop.resumeSession.bind(loop);
        loop.resumeSession = (session, received) => {
          const resumed = resume(session, received);
          return { ...resumed, received: resumed.received + 1 };
        };
        return revived;
      },
    }),
  },
  'that a turn has ended is not written': {
    breaks: 'a closed segment is sound',
    first: 43,
    plant: ({ loop }) => {
      const step = loop.step.bind(loop);
      loop.step = (now) => {
        const batch = step(now);
        const { entries, turnsEnded } = batch;
        const size = entries.length - turnsEnded.size * NUMBER_ENTRY_SIZE;
        return { ...batch, entries: entries.subarray(0, size) };
      };
    },
  },
  'a slab in which nothing lies is removed before the pool says so': {
    breaks: 'slabs are kept',
    first: 13,
    plant: ({ loop, events, pool: { extents } }) => {
      const removed = new Set<number>();
      const step = loop.step.bind(loop);
      loop.step = (now) => {
        const batch = step(now);
        const used = new Set<number>();
        for (const block of extents.blocks()) {
          if (extents.stateOf(block) !== BLOCK_FREE) used.add(extents.slabOf(block));
        }
        for (const slab of extents.slabs.keys()) {
          if (used.has(slab) || removed.has(slab)) continue;
          removed.add(slab);
          events.onEffect({ kind: 'slab-gone', slab });
        }
        return batch;
      };
    },
  },
};
