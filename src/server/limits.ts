import { assert } from '../core/assert.js';
import { LIMITS } from '../core/limits.js';

/** Bounds and times of the shell around the pool; those of the protocol stand in core/limits.ts. */
export const SERVER_LIMITS = {
  /** A connection that has not said HELLO for so long is closed. */
  handshakeMsMax: 10_000,
  /** What an unknown peer can make us keep, until its HELLO has shown the token. */
  helloBytesMax: 64 * 1024,
  /** Over TCP anybody may guess: fewer characters are refused. */
  tokenCharactersMin: 16,
  /** Control connections at once: each session one, and some that come or go. */
  connectionsMax: LIMITS.sessionsMax + 1_024,
  /** Beyond them so many at a time are told why they are refused, and have time to read it. */
  refusedLinksMax: 64,
  /** That connections were refused is logged at most this often. */
  refusedLogMs: 5_000,
  /** Requests read ahead of a session that is behind with its acknowledgements. */
  heldBytesMax: 2 * LIMITS.frameBytesMax,
  /** The protocol asks for an acknowledgement within one second. */
  ackSoonMs: 500,
  /** Over TCP, a side that has sent nothing for so long sends a heartbeat. */
  heartbeatMs: 5_000,
  /** A peer on another host that is silent for so long has lost its connection. */
  silenceMsMax: 20_000,
  /** How long SIGTERM waits for sessions to leave. */
  drainMsMax: 10_000,
  /** Data connections at once, and transfers of one that wait for their turn. */
  dataConnectionsMax: 4_096,
  transfersMax: 256,
  /** How long the agent may take to fill freed bytes under ATTACCA_CHECK=1. */
  poisonMsMax: 60_000,
  /** How long the agent may take to copy one chunk of a socket. */
  copyMsMax: 60_000,
  /** How often is looked for files that killed clients left beside the slabs. */
  scratchLookMs: 60_000,
  /** A segment of a journal holds the largest record, and several. */
  segmentBytesMin: 16 * 1024 * 1024,
  /** A manager that had to read more segments than this has a snapshot made at once. */
  segmentsReadMax: 4,
  /** How often is tried whether the disk of the journal has room again. */
  roomRetryMs: 1_000,
  /** How often is looked whether the files of a journal are still there. */
  vanishedLookMs: 500,
  /** How long a write that is under way is waited for when the journal is given up. */
  abandonMsMax: 10_000,
  /** How long a detached server may take until it answers. */
  startMsMax: 30_000,
} as const;

assert(SERVER_LIMITS.ackSoonMs * 2 <= 1_000, 'an acknowledgement leaves within a second');
assert(SERVER_LIMITS.silenceMsMax > SERVER_LIMITS.heartbeatMs * 3, 'some heartbeats may be late');
