import { existsSync, openSync, readFileSync, writeSync } from 'node:fs';

/**
 * What a process asked of a pool, and what it was told, in a file of its own: written by write(2)
 * before each request and after each answer, so that kill -9 takes nothing that was said.
 */
export type Fact =
  | { readonly kind: 'asked'; readonly name: string; readonly sum: number }
  /** `again`: it was there, as a process before this one had asked for it. */
  | { readonly kind: 'kept'; readonly name: string; readonly how: 'new' | 'again' }
  | { readonly kind: 'refused'; readonly name: string; readonly code: string }
  | { readonly kind: 'demanded'; readonly name: string }
  | {
      readonly kind: 'got';
      readonly name: string;
      readonly sum: number;
      readonly version: number;
    }
  /** A demand that has ended otherwise. */
  | { readonly kind: 'ended'; readonly name: string; readonly code: string }
  | { readonly kind: 'removing'; readonly name: string }
  | { readonly kind: 'removed'; readonly name: string };

/** A fact, and which life of its process wrote it: a process that is killed is started again. */
export type Written = Fact & { readonly life: number };

/** One life of a process writes into the file of all of them. */
export class Ledger {
  /** What the lives before have written. */
  readonly past: readonly Written[];
  readonly #fd: number;
  readonly #life: number;

  constructor(path: string) {
    this.past = readLedger(path);
    this.#life = (this.past.at(-1)?.life ?? 0) + 1;
    this.#fd = openSync(path, 'a', 0o600);
  }

  write(fact: Fact): void {
    writeSync(this.#fd, `${JSON.stringify({ ...fact, life: this.#life })}\n`);
  }
}

/** All that is written there. */
export function readLedger(path: string): Written[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line): Written => JSON.parse(line));
}
