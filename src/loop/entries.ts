import { unreachable } from '../core/assert.js';
import type { Reader, Writer } from '../core/bytes.js';
import { AttaccaError, isErrorCode } from '../core/errors.js';
import type { ValueMap } from '../core/value.js';
import { readMap, writeMap } from '../core/value-codec.js';
import type { Input, MeasureResult } from '../pool/input.js';

/**
 * What a journal keeps of a batch: the calls that change a loop, in their order.
 *
 * ```
 * entry     u8 kind, then by kind
 * opened    u32 session, map process
 * messages  u32 session, u8 flags, u32 size, body of the frame
 * acked     u32 session, u64 number
 * turn-ended  u32 session, u64 number
 * ```
 */
export type Entry =
  | { readonly kind: 'session-opened'; readonly session: number; readonly process: ValueMap }
  | {
      readonly kind: 'messages';
      readonly session: number;
      readonly noRoom: boolean;
      readonly bytes: Uint8Array;
      readonly start: number;
      readonly end: number;
    }
  | { readonly kind: 'acknowledged'; readonly session: number; readonly number: number }
  /** The session had had its turn before this request of it. */
  | { readonly kind: 'turn-ended'; readonly session: number; readonly number: number }
  | ShellInput;

/** What comes from the shell: a death, a slab, the begin of the end, a tick. */
export type ShellInput = Exclude<Input, { kind: 'messages' | 'session-opened' }>;

const KIND = {
  sessionOpened: 1,
  messages: 2,
  acknowledged: 3,
  sessionGone: 4,
  slabReady: 5,
  slabFailed: 6,
  adopted: 7,
  drain: 8,
  restart: 9,
  tick: 10,
  turnEnded: 11,
  transferred: 12,
  measured: 13,
  stored: 14,
} as const;

/** Of one that says a number of a session. */
export const NUMBER_ENTRY_SIZE = 13;

export function writeOpened(w: Writer, session: number, process: ValueMap): void {
  w.u8(KIND.sessionOpened);
  w.u32(session);
  writeMap(w, process);
}

export function writeMessages(
  w: Writer,
  session: number,
  noRoom: boolean,
  body: { readonly bytes: Uint8Array; readonly start: number; readonly end: number },
): void {
  w.u8(KIND.messages);
  w.u32(session);
  w.u8(noRoom ? 1 : 0);
  w.u32(body.end - body.start);
  w.rawRange(body.bytes, body.start, body.end);
}

export function writeAcknowledged(w: Writer, session: number, number: number): void {
  w.u8(KIND.acknowledged);
  w.u32(session);
  w.u64(number);
}

export function writeTurnsEnded(w: Writer, ended: ReadonlyMap<number, number>): void {
  for (const [session, number] of ended) {
    w.u8(KIND.turnEnded);
    w.u32(session);
    w.u64(number);
  }
}

export function writeShellInput(w: Writer, input: ShellInput): void {
  switch (input.kind) {
    case 'session-gone':
      w.u8(KIND.sessionGone);
      w.u32(input.session);
      w.text(input.why);
      break;
    case 'slab-ready':
      w.u8(KIND.slabReady);
      w.u32(input.slab);
      w.u64(input.size);
      break;
    case 'slab-failed':
      w.u8(KIND.slabFailed);
      w.u32(input.slab);
      w.u64(input.size);
      w.text(input.why);
      break;
    case 'adopted':
      w.u8(KIND.adopted);
      w.u32(input.slab);
      w.u64(input.size);
      w.u32(input.session);
      w.u64(input.request);
      writeFailure(w, input.failure);
      break;
    case 'measured':
      writeMeasured(w, input);
      break;
    case 'stored':
      w.u8(KIND.stored);
      w.u64(input.ask);
      writeFailure(w, input.failure);
      break;
    case 'drain':
      w.u8(KIND.drain);
      w.f64(input.graceMs);
      break;
    case 'restart':
      writeRestart(w, input);
      break;
    case 'transferred':
      w.u8(KIND.transferred);
      w.u64(input.transfer);
      break;
    case 'tick':
      w.u8(KIND.tick);
      break;
    default:
      unreachable(input);
  }
}

type Failure = Extract<Input, { kind: 'adopted' }>['failure'];

function writeFailure(w: Writer, failure: Failure): void {
  w.text(failure?.code ?? '');
  w.text(failure?.message ?? '');
}

function readFailure(r: Reader): Failure {
  const code = r.text();
  const message = r.text();
  if (code === '') return null;
  if (!isErrorCode(code)) throw damaged(`an error has the code "${code}"`);
  return { code, message };
}

function writeMeasured(w: Writer, { results }: Extract<Input, { kind: 'measured' }>): void {
  w.u8(KIND.measured);
  w.u32(results.length);
  for (const { ask, statistics } of results) {
    w.u32(ask);
    w.u32(statistics?.length ?? 0);
    if (statistics !== null) w.raw(statistics);
  }
}

function readMeasured(r: Reader): Extract<Input, { kind: 'measured' }> {
  const results: MeasureResult[] = [];
  for (let left = r.u32(); left > 0; left--) {
    const ask = r.u32();
    const size = r.u32();
    results.push({ ask, statistics: size === 0 ? null : r.view(size) });
  }
  return { kind: 'measured', results };
}

type Restart = Extract<Input, { kind: 'restart' }>;

function writeRestart(w: Writer, { options, slabsLost, restored = [] }: Restart): void {
  w.u8(KIND.restart);
  w.u64(options.memoryBytesMax);
  w.f64(options.deadlineDefaultMs);
  w.f64(options.promiseGraceMs);
  w.u8(options.durability);
  w.u8(options.slabDurability);
  w.u8(options.hasStore ? 1 : 0);
  w.u8(options.reportFreed ? 1 : 0);
  w.u8(options.statistics ? 1 : 0);
  w.u64(options.eventBytesMax);
  w.f64(options.eventAgeMsMax);
  w.u64(options.life);
  w.u64(options.lifeBefore);
  w.u64(options.sessionKeyId);
  w.u64(options.wallMs);
  w.u32(slabsLost.length);
  for (const slab of slabsLost) w.u32(slab);
  w.u32(restored.length);
  for (const version of restored) w.u32(version);
}

function readRestart(r: Reader): Restart {
  const options = {
    memoryBytesMax: r.u64(),
    deadlineDefaultMs: r.f64(),
    promiseGraceMs: r.f64(),
    durability: r.u8(),
    slabDurability: r.u8(),
    hasStore: r.u8() === 1,
    reportFreed: r.u8() === 1,
    statistics: r.u8() === 1,
    eventBytesMax: r.u64(),
    eventAgeMsMax: r.f64(),
    life: r.u64(),
    lifeBefore: r.u64(),
    sessionKeyId: r.u64(),
    wallMs: r.u64(),
  };
  const slabsLost: number[] = [];
  for (let left = r.u32(); left > 0; left--) slabsLost.push(r.u32());
  const restored: number[] = [];
  for (let left = r.u32(); left > 0; left--) restored.push(r.u32());
  const base = { kind: 'restart', options, slabsLost } as const;
  return restored.length === 0 ? base : { ...base, restored };
}

function readAdopted(r: Reader): Extract<Input, { kind: 'adopted' }> {
  const fields = { slab: r.u32(), size: r.u64(), session: r.u32(), request: r.u64() };
  return { kind: 'adopted', ...fields, failure: readFailure(r) };
}

/** Reads the next entry; the bytes of messages stay where they are. */
export function readEntry(r: Reader): Entry {
  const kind = r.u8();
  switch (kind) {
    case KIND.sessionOpened:
      return { kind: 'session-opened', session: r.u32(), process: readMap(r) };
    case KIND.messages: {
      const session = r.u32();
      const noRoom = r.u8() === 1;
      const size = r.u32();
      const start = r.skip(size);
      return { kind: 'messages', session, noRoom, bytes: r.bytes, start, end: start + size };
    }
    case KIND.acknowledged:
      return { kind: 'acknowledged', session: r.u32(), number: r.u64() };
    case KIND.turnEnded:
      return { kind: 'turn-ended', session: r.u32(), number: r.u64() };
    case KIND.sessionGone:
      return { kind: 'session-gone', session: r.u32(), why: r.text() };
    case KIND.slabReady:
      return { kind: 'slab-ready', slab: r.u32(), size: r.u64() };
    case KIND.slabFailed:
      return { kind: 'slab-failed', slab: r.u32(), size: r.u64(), why: r.text() };
    case KIND.adopted:
      return readAdopted(r);
    case KIND.measured:
      return readMeasured(r);
    case KIND.stored:
      return { kind: 'stored', ask: r.u64(), failure: readFailure(r) };
    case KIND.drain:
      return { kind: 'drain', graceMs: r.f64() };
    case KIND.restart:
      return readRestart(r);
    case KIND.transferred:
      return { kind: 'transferred', transfer: r.u64() };
    case KIND.tick:
      return { kind: 'tick' };
    default:
      throw damaged(`an entry is of the kind ${kind}`);
  }
}

function damaged(why: string): AttaccaError {
  return new AttaccaError('journal-damaged', `Cannot read a record of the journal: ${why}`);
}
