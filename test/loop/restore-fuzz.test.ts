/**
 * Bytes that come from a disk and may be anything: entries of records, the state of a loop, the
 * header of its pool. Whatever they are, an AttaccaError is all that comes of them, or a loop that
 * goes on; and memory only in proportion to them.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AssertionFailed } from '../../src/core/assert.js';
import { Reader, Writer } from '../../src/core/bytes.js';
import { AttaccaError } from '../../src/core/errors.js';
import {
  readEntry,
  type ShellInput,
  writeAcknowledged,
  writeMessages,
  writeOpened,
  writeShellInput,
} from '../../src/loop/entries.js';
import { decodePoolInfo, encodePoolInfo } from '../../src/loop/pool-info.js';
import { PoolLoop } from '../../src/loop/pool-loop.js';
import { CHECKSUM, restored, saved } from '../core/states.js';
import { fc } from '../fast-check.js';
import { OPTIONS } from '../pool/harness.js';
import { random } from '../pool/random.js';
import { writePing } from '../protocol/other-side.js';

const RUNS = 300;
const PLAIN = { noNullPrototype: true } as const;

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const size = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const why = fc.string({ maxLength: 40 });
const shellInputs: fc.Arbitrary<ShellInput> = fc.oneof(
  fc.record({ kind: fc.constant('session-gone' as const), session: u32, why }, PLAIN),
  fc.record({ kind: fc.constant('slab-ready' as const), slab: u32, size }, PLAIN),
  fc.record({ kind: fc.constant('slab-failed' as const), slab: u32, size, why }, PLAIN),
  fc.record(
    {
      kind: fc.constant('adopted' as const),
      slab: u32,
      size,
      session: u32,
      request: size,
      failure: fc.option(
        fc.record({ code: fc.constant('shm-full' as const), message: why }, PLAIN),
      ),
    },
    PLAIN,
  ),
  fc.record(
    { kind: fc.constant('drain' as const), graceMs: fc.integer({ min: 0, max: 1e6 }) },
    PLAIN,
  ),
  fc.constant({ kind: 'tick' as const }),
  fc.array(u32, { maxLength: 8 }).map((slabsLost): ShellInput => {
    const { id: _id, name: _name, hashSeed: _seed, ...options } = OPTIONS;
    return { kind: 'restart', options, slabsLost };
  }),
);

/** An AttaccaError is what damage must come to; what else is thrown is a fault of ours. */
function mustRefuse(run: () => void): boolean {
  try {
    run();
    return false;
  } catch (error) {
    if (!(error instanceof AttaccaError) || error instanceof AssertionFailed) throw error;
    return true;
  }
}

/** Some bytes other than they were, or an end that is missing. */
function damaged(bytes: Uint8Array, seed: number): Uint8Array {
  const dice = random(seed);
  const copy = bytes.slice();
  for (let flips = 1 + dice(4); flips > 0; flips--) {
    const at = dice(Math.max(1, copy.length));
    copy[at] = dice(3) === 0 ? 0xff : dice(256);
  }
  return dice(3) === 0 ? copy.subarray(0, dice(copy.length + 1)) : copy;
}

function readAll(bytes: Uint8Array): unknown[] {
  const reader = new Reader(bytes);
  const entries: unknown[] = [];
  while (reader.remaining > 0) entries.push(readEntry(reader));
  return entries;
}

test('entries of the shell come back as they were', () => {
  fc.assert(
    fc.property(fc.array(shellInputs, { maxLength: 10 }), (inputs) => {
      const w = new Writer(64);
      for (const input of inputs) writeShellInput(w, input);
      assert.deepEqual(readAll(w.written()), inputs);
    }),
  );
});

/** Entries of each kind, as a journal has them. */
function someEntries(inputs: readonly ShellInput[]): Uint8Array {
  const w = new Writer(64);
  writeOpened(w, 1, { pid: 7, host: 'here' });
  const body = new Uint8Array(40).fill(3);
  writeMessages(w, 1, false, { bytes: body, start: 8, end: 40 });
  writeAcknowledged(w, 1, 1);
  for (const input of inputs) writeShellInput(w, input);
  return w.written().slice();
}

test('fuzz: entries that are damaged, or anything', () => {
  let refused = 0;
  fc.assert(
    fc.property(fc.array(shellInputs, { maxLength: 6 }), fc.nat(), (inputs, seed) => {
      if (mustRefuse(() => readAll(damaged(someEntries(inputs), seed)))) refused++;
    }),
    { numRuns: RUNS },
  );
  assert.ok(refused > 0);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      mustRefuse(() => readAll(bytes));
    }),
    { numRuns: RUNS },
  );
});

/** A loop that has done something: sessions, answers that are kept, and what waits its turn. */
function busyLoop(): PoolLoop {
  const loop = new PoolLoop(OPTIONS, CHECKSUM);
  for (const pid of [7, 8]) {
    const session = loop.openSession({ pid, host: 'here' });
    loop.release(loop.step(pid));
    const frame = pingFrame();
    loop.receive(session, frame, 0, frame.length);
    loop.release(loop.step(pid));
  }
  return loop;
}

/** The body of a MESSAGES frame with one PING. */
function pingFrame(): Uint8Array {
  const w = new Writer(64);
  w.u64(1);
  w.u64(0);
  writePing(w);
  return w.written().slice();
}

test('fuzz: a loop that is restored from damaged bytes is refused, or saves what it is', () => {
  const bytes = saved((w) => busyLoop().save(w));
  const whole = restored(bytes, (r) => PoolLoop.restore(r, CHECKSUM));
  assert.deepEqual(
    saved((w) => whole.save(w)),
    bytes,
  );
  let refused = 0;
  for (let seed = 0; seed < RUNS; seed++) {
    const isRefused = mustRefuse(() => {
      const loop = restored(damaged(bytes, seed), (r) => PoolLoop.restore(r, CHECKSUM));
      saved((w) => loop.save(w));
    });
    if (isRefused) refused++;
  }
  assert.ok(refused > RUNS / 2, `${refused} were refused`);
});

test('fuzz: the header of a pool', () => {
  const info = { options: OPTIONS, bootId: 'b', shmDirectory: '/dev/shm' };
  const bytes = encodePoolInfo(info);
  assert.deepEqual(decodePoolInfo(bytes), info);
  let refused = 0;
  for (let seed = 0; seed < RUNS; seed++) {
    if (mustRefuse(() => void decodePoolInfo(damaged(bytes, seed)))) refused++;
  }
  assert.ok(refused > 0);
});
