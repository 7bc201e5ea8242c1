import { existsSync } from 'node:fs';
import { AttaccaError, isErrorCode } from '../core/errors.js';

/** A thread's file: beside this one, or beside the bundled command (scripts/setup.mjs). */
export function threadUrl(name: 'agent' | 'measure' | 'snapshot'): URL {
  const beside = new URL(`./${name}-thread.js`, import.meta.url);
  return existsSync(beside) ? beside : new URL(`./attacca-${name}.js`, import.meta.url);
}

/** What comes from a thread is no AttaccaError any more, but has its code. */
export function ownError(error: unknown): unknown {
  if (!(error instanceof Error && 'code' in error)) return error;
  const { code, message } = error;
  const fields = 'fields' in error ? (error.fields as AttaccaError['fields']) : {};
  return typeof code === 'string' && isErrorCode(code)
    ? new AttaccaError(code, message, fields, { cause: error })
    : error;
}
