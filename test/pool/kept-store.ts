import assert from 'node:assert/strict';
import { BLOCK_SLICE } from '../../src/catalog/extents.js';
import type { ErrorCode } from '../../src/core/errors.js';
import { forEachPart, namedOf } from '../../src/pool/parts.js';
import { PART, VERSION, VERSION_FLAG } from '../../src/pool/rows.js';
import type { Stored, StoreEffect } from '../../src/pool/state.js';
import type { Harness } from './harness.js';

/** What an agent's store does with what a pool asks of it: as it is told, one after the other. */
export class KeptStore {
  readonly #pool: Harness;
  /** By what they are called: where the bytes lay. */
  readonly #objects = new Map<string, string>();
  #at = 0;

  constructor(pool: Harness) {
    this.#pool = pool;
  }

  /** What it has, as names and versions. */
  get names(): string[] {
    this.#perform();
    return [...this.#objects.keys()].sort();
  }

  /** What was asked and not answered, in the order of the questions. */
  #perform(): StoreEffect[] {
    const asked: StoreEffect[] = [];
    for (const effect of this.#pool.effects.slice(this.#at)) {
      if (effect.kind === 'store') {
        this.#objects.set(keyOf(effect), placeOf(effect));
        asked.push(effect);
      } else if (effect.kind === 'unstore') this.#objects.delete(keyOf(effect));
    }
    this.#at = this.#pool.effects.length;
    return asked;
  }

  /** Answers all that it was asked, each by itself; those that are named it could not store. */
  answer(failing: { readonly [name: string]: ErrorCode } = {}): string[] {
    const told: string[] = [];
    for (const effect of this.#perform()) {
      const code = failing[effect.name];
      if (code !== undefined) this.#objects.delete(keyOf(effect));
      const message = `Cannot store "${effect.name}": as the test says`;
      const failure = code === undefined ? null : { code, message };
      this.#pool.loop.input({ kind: 'stored', ask: effect.ask, failure });
      this.#pool.settle();
      told.push(effect.name);
    }
    return told;
  }

  /** What the pool says is in the store is there, with its own bytes, and nothing else. */
  check(): void {
    this.#perform();
    const { pool } = this.#pool;
    const { extents, versions, parts } = pool;
    const expected = new Map<string, string>();
    const expect = (version: number, part: number, block: number): void => {
      const key = keyOf({ ...namedOf(pool, version), part });
      expected.set(key, `${extents.slabOf(block)} ${extents.offsetOf(block)}`);
    };
    const owners = new Set<number>();
    for (const block of extents.blocks()) {
      if (extents.stateOf(block) !== BLOCK_SLICE) continue;
      const version = extents.ownerOf(block);
      owners.add(version);
      if ((versions.get(version, VERSION.flags) & VERSION_FLAG.stored) === 0) continue;
      expect(version, 0, block);
    }
    for (const version of owners) {
      forEachPart(pool, version, (part) => {
        const stored = parts.getWide(part, PART.stored);
        if (stored !== 0) expect(version, stored, parts.get(part, PART.bytes));
      });
    }
    assert.deepEqual([...this.#objects].sort(), [...expected].sort());
  }
}

const keyOf = ({ name, version, part }: Stored): string =>
  part === 0 ? `${name} ${version}` : `${name}#${part} ${version}`;
const placeOf = ({ slab, offset }: StoreEffect): string => `${slab} ${offset}`;
