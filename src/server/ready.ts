import { closeSync, writeSync } from 'node:fs';
import { AttaccaError, type ErrorCode, isErrorCode } from '../core/errors.js';

/** Names the descriptor on which a starter waits to hear how the start went. */
export const READY_FD_VARIABLE = 'ATTACCA_READY_FD';

/** What a started server tells its starter: one line of JSON. */
export type Readiness =
  | {
      readonly kind: 'ready';
      readonly addresses: readonly string[];
      readonly pid: number;
      /** For who has started it, and does not see its log. */
      readonly warnings: readonly string[];
    }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string };

function report(readiness: Readiness): void {
  const text = process.env[READY_FD_VARIABLE];
  if (text === undefined) return;
  delete process.env[READY_FD_VARIABLE];
  const fd = Number(text);
  if (!Number.isInteger(fd) || fd < 3) return;
  try {
    writeSync(fd, `${JSON.stringify(readiness)}\n`);
    closeSync(fd);
  } catch {
    // The starter has gone; the pool is there all the same.
  }
}

/** The pool answers: whoever started this process may go on. Does nothing if nobody waits. */
export function reportReady(server: {
  readonly addresses: readonly string[];
  readonly memory: { readonly warnings: readonly string[] };
}): void {
  const { addresses, memory } = server;
  report({ kind: 'ready', addresses, pid: process.pid, warnings: memory.warnings });
}

/** The pool could not be started. */
export function reportFailed(error: unknown): void {
  const code = error instanceof AttaccaError ? error.code : 'internal';
  report({ kind: 'failed', code, message: error instanceof Error ? error.message : String(error) });
}

/** Reads the line; null when it is none of ours. */
export function parseReadiness(text: string): Readiness | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const from: { [key: string]: unknown } = { ...value };
  const { kind, addresses, pid, warnings, code, message } = from;
  if (kind === 'ready' && Array.isArray(addresses) && typeof pid === 'number') {
    const warned = Array.isArray(warnings) ? warnings.map(String) : [];
    return { kind, addresses: addresses.map(String), pid, warnings: warned };
  }
  if (kind === 'failed' && typeof code === 'string' && typeof message === 'string') {
    return { kind, code: isErrorCode(code) ? code : 'internal', message };
  }
  return null;
}
