import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '../../client/client.js';
import { fileError } from '../file-errors.js';

/** A part of a name that every program takes as a part of a path. */
const SAFE_CHARACTERS_MAX = 80;

/**
 * A directory for files of one run of a program, made when it is first needed, and removed with all
 * in it. It lies beside the slabs where these are shared, so that a file there becomes a slab
 * without a copy.
 */
export class Scratch {
  readonly #client: Client;
  #directory: string | null = null;
  #files = 0;

  constructor(client: Client) {
    this.#client = client;
  }

  /** A path for an object of this name; nothing is there yet. */
  path(name: string, suffix: string): string {
    const last = name.split('/').at(-1) ?? '';
    const safe = last.replace(/[^A-Za-z0-9._=-]/gu, '_').slice(-SAFE_CHARACTERS_MAX);
    const end = safe.endsWith(suffix) ? '' : suffix;
    // A directory each: names that differ in what was replaced, or in their first parts, may meet.
    const directory = join(this.#make(), String(this.#files++));
    mkdirSync(directory);
    return join(directory, `${safe === '' || safe.startsWith('.') ? `_${safe}` : safe}${end}`);
  }

  #make(): string {
    if (this.#directory !== null) return this.#directory;
    const { plane, pool, connection } = this.#client;
    const shared = plane.transport === 'shared-memory';
    // The pool removes what is of no open session: we may be killed.
    const name = `scratch-${connection.accept?.session ?? 0}.`;
    const prefix = shared ? join(pool.slabs, name) : join(tmpdir(), 'attacca-scratch-');
    try {
      this.#directory = mkdtempSync(prefix);
    } catch (cause) {
      throw fileError('make a scratch directory', prefix, cause);
    }
    return this.#directory;
  }

  remove(): void {
    if (this.#directory !== null) rmSync(this.#directory, { recursive: true, force: true });
    this.#directory = null;
  }
}
