import { Writer } from '../core/bytes.js';
import { beginningOf } from '../core/utf8.js';
import type { ValueMap } from '../core/value.js';
import { ownIdentity } from '../levels/process-identity.js';
import {
  type Accept,
  ROLE,
  VERSION_MAX,
  VERSION_MIN,
  writeAck,
  writeHello,
} from '../protocol/index.js';

const NO_SECRET = new Uint8Array(0);
/** `node:process` has no bound for arguments; a log needs only the begin. */
const COMMAND_CHARACTERS_MAX = 500;

/** What HELLO says of this process; the pool tells its death by it. */
export function describeProcess(): ValueMap {
  const identity = ownIdentity();
  const startTime = Number(identity.startTime ?? 0);
  return {
    client: `attacca-ts node ${process.version}`,
    host: identity.hostname,
    pid: identity.pid,
    startTime: Number.isSafeInteger(startTime) ? startTime : 0,
    bootId: identity.bootId ?? '',
    pidNamespace: identity.pidNamespace ?? '',
    command: beginningOf(process.argv.join(' '), COMMAND_CHARACTERS_MAX),
  };
}

export interface HelloParts {
  readonly token: string;
  readonly poolId: string;
  readonly process: ValueMap;
}

/** HELLO of a control connection: of a new session, or of the one that `accept` opened. */
export function controlHello(
  parts: HelloParts,
  accept: Accept | null,
  received: number,
): Uint8Array {
  return helloBytes(ROLE.control, parts, accept, received);
}

/** HELLO of a data connection. */
export function dataHello(token: string, accept: Accept): Uint8Array {
  return helloBytes(ROLE.data, { token, poolId: accept.poolId, process: {} }, accept, 0);
}

function helloBytes(
  role: number,
  parts: HelloParts,
  accept: Accept | null,
  received: number,
): Uint8Array {
  const w = new Writer(512);
  writeHello(w, {
    lowest: VERSION_MIN,
    highest: VERSION_MAX,
    role,
    token: parts.token,
    pool: accept?.poolId ?? parts.poolId,
    session: accept?.session ?? 0,
    secret: accept?.secret ?? NO_SECRET,
    received,
    process: parts.process,
  });
  return w.written();
}

export function ackBytes(received: number): Uint8Array {
  const w = new Writer(16);
  writeAck(w, received);
  return w.written();
}
