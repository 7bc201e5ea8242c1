import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Declarer } from '../../src/client/declarer.js';
import { KeyNumbers } from '../../src/client/keys.js';
import { Writer } from '../../src/core/bytes.js';
import type { Value } from '../../src/core/value.js';
import { writeDeclare } from '../../src/protocol/index.js';
import { refused } from '../core/refusal.js';
import { fc } from '../fast-check.js';
import { MESSAGES } from '../protocol/arbitraries.js';

/** Attributes as people write them, and as they go out. */
function named(attributes: readonly (readonly [number, Value])[]): { [key: string]: Value } {
  return Object.fromEntries(attributes.map(([key, value]) => [`key ${key}`, value]));
}

test('a run of DECLAREs is what each of them is alone, whatever came before', () => {
  fc.assert(
    fc.property(fc.array(MESSAGES.declare, { minLength: 1, maxLength: 5 }), (messages) => {
      const announced: string[] = [];
      const keys = new KeyNumbers((number, name) => {
        announced[number] = name;
      });
      const shared = messages[0]?.space ?? null;
      const declarer = new Declarer(keys, shared);
      const run = new Writer();
      const alone = new Writer();
      for (const { handle, member, name, space, attributes } of messages) {
        const said = named(attributes);
        declarer.announce(said);
        declarer.declare(run, { handle, member }, name, space, said);
        const numbered = Object.entries(said).map(([key, value]) => {
          const number = announced.indexOf(key);
          assert.ok(number >= 0, 'a key is announced before it is used');
          return [number, value] as const;
        });
        writeDeclare(alone, handle, member, name, space, numbered);
      }
      assert.deepEqual(run.written(), alone.written());
    }),
  );
});

test('what is refused leaves nothing in the writer, and the next goes out whole', () => {
  const declarer = new Declarer(new KeyNumbers(() => {}));
  const w = new Writer();
  w.u32(42);
  const numbers = { handle: 1, member: 0 };
  const bad = { fine: 1, broken: null } as unknown as { [key: string]: Value };
  declarer.announce(bad);
  refused('bad-attribute', () => declarer.declare(w, numbers, 'a', null, bad));
  refused('bad-name', () => declarer.declare(w, numbers, '', null, {}));
  const half = { fine: 'a\ud800' };
  refused('bad-argument', () => declarer.declare(w, numbers, 'a', null, half));
  assert.equal(w.at, 4);
  declarer.declare(w, numbers, 'a', null, {});
  const alone = new Writer();
  writeDeclare(alone, 1, 0, 'a', null, []);
  assert.deepEqual(w.bytes.slice(4, w.at), alone.written());
});
