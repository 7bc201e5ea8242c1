import assert from 'node:assert/strict';
import { BLOCK_SLICE } from '../../src/catalog/extents.js';
import type { ErrorCode } from '../../src/core/errors.js';
import { objectName } from '../../src/pool/objects.js';
import { VERSION, VERSION_FLAG } from '../../src/pool/rows.js';
import type { StoreEffect } from '../../src/pool/state.js';
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
    const { extents, objects, versions } = this.#pool.pool;
    const expected = new Map<string, string>();
    for (const block of extents.blocks()) {
      if (extents.stateOf(block) !== BLOCK_SLICE) continue;
      const version = extents.ownerOf(block);
      if ((versions.get(version, VERSION.flags) & VERSION_FLAG.stored) === 0) continue;
      const object = versions.get(version, VERSION.object);
      assert.ok(objects.has(object));
      const name = objectName(this.#pool.pool, object);
      const key = keyOf({ name, version: versions.get(version, VERSION.number) });
      expected.set(key, `${extents.slabOf(block)} ${extents.offsetOf(block)}`);
    }
    assert.deepEqual([...this.#objects].sort(), [...expected].sort());
  }
}

const keyOf = ({ name, version }: Pick<StoreEffect, 'name' | 'version'>) => `${name} ${version}`;
const placeOf = ({ slab, offset }: StoreEffect): string => `${slab} ${offset}`;
