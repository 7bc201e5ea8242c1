import { refuse } from '../core/assert.js';
import { Reader, type Writer } from '../core/bytes.js';
import { AttaccaError } from '../core/errors.js';
import type { ValueMap } from '../core/value.js';
import { type Reading, readMap, writeMap } from '../core/value-codec.js';
import type { ErrorParts } from './answers.js';
import { FRAME, ROLE } from './codes.js';
import { beginFrame, endFrame, writeFrame } from './frame.js';

/** "ATCA", the first bytes of HELLO's body. */
const MAGIC = 0x4143_5441;
const SECRET_SIZE = 32;

/** Kind 1, HELLO: the first frame of a connection. */
export interface Hello {
  readonly kind: 'hello';
  readonly lowest: number;
  readonly highest: number;
  /** One of `ROLE`. */
  readonly role: number;
  readonly token: string;
  /** The id of the pool that is meant; empty for any. */
  readonly pool: string;
  /** 0 opens a new session. */
  readonly session: number;
  readonly secret: Uint8Array;
  /** Number of the last message received in the session. */
  readonly received: number;
  readonly process: ValueMap;
}

/** Kind 2, ACCEPT: the answer to HELLO. */
export interface Accept {
  readonly kind: 'accept';
  readonly version: number;
  readonly poolId: string;
  readonly poolName: string;
  readonly session: number;
  readonly secret: Uint8Array;
  readonly received: number;
  readonly resumed: boolean;
  readonly pool: ValueMap;
}

/** Kind 3, REFUSE: the pool closes after it. */
export interface Refuse {
  readonly kind: 'refuse';
  readonly retryable: boolean;
  readonly code: string;
  readonly message: string;
  readonly fields: ValueMap;
}

/** What does not parse in the body of a frame is the frame's fault: `bad-frame`. */
export function readFrameBody<T>(
  bytes: Uint8Array,
  start: number,
  end: number,
  read: (r: Reader) => T,
): T {
  const r = new Reader();
  r.reset(bytes, start, end);
  try {
    return read(r);
  } catch (error) {
    if (error instanceof AttaccaError && error.code === 'bad-message') {
      throw new AttaccaError('bad-frame', error.message, {}, { cause: error });
    }
    throw error;
  }
}

function flag(r: Reader, what: string): boolean {
  const value = r.u8();
  if (value > 1) refuse('bad-frame', `Cannot read ${what}: ${value} is neither 0 nor 1`);
  return value === 1;
}

/** A secret is empty or of its one size; a copy, as it outlives the frame. */
function readSecret(r: Reader): Uint8Array {
  const size = r.u32();
  if (size !== 0 && size !== SECRET_SIZE) {
    refuse('bad-frame', `Cannot read a secret: it has ${size} bytes, not ${SECRET_SIZE}`);
  }
  return r.view(size).slice();
}

function writeBytes(w: Writer, bytes: Uint8Array): void {
  w.u32(bytes.length);
  w.raw(bytes);
}

/** Reads HELLO; what a later version appends is left alone. `how` is for the values in it. */
export function readHello(bytes: Uint8Array, start: number, end: number, how?: Reading): Hello {
  return readFrameBody(bytes, start, end, (r) => {
    if (r.u32() !== MAGIC) refuse('bad-frame', 'Cannot read HELLO: it does not begin with "ATCA"');
    const lowest = r.u16();
    const highest = r.u16();
    if (lowest === 0 || lowest > highest) {
      refuse('bad-frame', `Cannot read HELLO: versions ${lowest} to ${highest} are no range`);
    }
    const role = r.u8();
    if (role > ROLE.data) refuse('bad-frame', `Cannot read HELLO: role ${role} is not known`);
    return {
      kind: 'hello',
      lowest,
      highest,
      role,
      token: r.text(),
      pool: r.text(),
      session: r.u64(),
      secret: readSecret(r),
      received: r.u64(),
      process: readMap(r, how),
    };
  });
}

export function writeHello(w: Writer, hello: Omit<Hello, 'kind'>): void {
  writeFrame(w, FRAME.hello, () => {
    w.u32(MAGIC);
    w.u16(hello.lowest);
    w.u16(hello.highest);
    w.u8(hello.role);
    w.text(hello.token);
    w.text(hello.pool);
    w.u64(hello.session);
    writeBytes(w, hello.secret);
    w.u64(hello.received);
    writeMap(w, hello.process);
  });
}

/** Reads ACCEPT; what a later version appends is left alone. */
export function readAccept(bytes: Uint8Array, start: number, end: number, how?: Reading): Accept {
  return readFrameBody(bytes, start, end, (r) => ({
    kind: 'accept',
    version: r.u16(),
    poolId: r.text(),
    poolName: r.text(),
    session: r.u64(),
    secret: readSecret(r),
    received: r.u64(),
    resumed: flag(r, 'whether a session was resumed'),
    pool: readMap(r, how),
  }));
}

export function writeAccept(w: Writer, accept: Omit<Accept, 'kind'>): void {
  writeFrame(w, FRAME.accept, () => {
    w.u16(accept.version);
    w.text(accept.poolId);
    w.text(accept.poolName);
    w.u64(accept.session);
    writeBytes(w, accept.secret);
    w.u64(accept.received);
    w.u8(accept.resumed ? 1 : 0);
    writeMap(w, accept.pool);
  });
}

/** Reads REFUSE; what a later version appends is left alone. */
export function readRefuse(bytes: Uint8Array, start: number, end: number, how?: Reading): Refuse {
  return readFrameBody(bytes, start, end, (r) => ({
    kind: 'refuse',
    retryable: flag(r, 'whether a refusal is retryable'),
    code: r.text(),
    message: r.text(),
    fields: readMap(r, how),
  }));
}

export function writeRefuse(w: Writer, error: ErrorParts): void {
  writeFrame(w, FRAME.refuse, () => {
    w.u8(error.retryable ? 1 : 0);
    w.text(error.code);
    w.text(error.message);
    writeMap(w, error.fields);
  });
}

/** Kind 5, ACK: the body is the number of the last message received. */
export function readAck(bytes: Uint8Array, start: number, end: number): number {
  return readFrameBody(bytes, start, end, (r) => {
    const ack = r.u64();
    if (r.remaining > 0) refuse('bad-frame', 'Cannot read ACK: bytes are left over');
    return ack;
  });
}

export function writeAck(w: Writer, ack: number): void {
  const start = beginFrame(w, FRAME.ack);
  w.u64(ack);
  endFrame(w, start);
}
