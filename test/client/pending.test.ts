import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pending, type Waiter } from '../../src/client/pending.js';
import { Reader } from '../../src/core/bytes.js';
import { AttaccaError } from '../../src/core/errors.js';
import { fc } from '../fast-check.js';

/** Notes what each request of a run was answered with. */
class Notes implements Waiter {
  readonly heard: (string | null)[];

  constructor(count: number) {
    this.heard = new Array<string | null>(count).fill(null);
  }

  #note(index: number, what: string): void {
    assert.equal(this.heard[index], null, 'answered once');
    this.heard[index] = what;
  }

  ok(index: number, count: number): void {
    for (let at = index; at < index + count; at++) this.#note(at, 'ok');
  }

  fail(index: number): void {
    this.#note(index, 'fail');
  }

  answer(index: number): void {
    this.#note(index, 'answer');
  }

  lost(): void {
    for (const [index, what] of this.heard.entries()) if (what === null) this.heard[index] = 'lost';
  }
}

const reader = new Reader();
const error = new AttaccaError('cancelled', 'no');

interface Step {
  readonly add: number;
  /** Where in the unanswered ones, 0 to 1, and how many. */
  readonly where: number;
  readonly run: number;
  readonly how: number;
}

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({
    add: fc.integer({ min: 0, max: 40 }),
    where: fc.double({ min: 0, max: 0.999, noNaN: true }),
    run: fc.integer({ min: 1, max: 60 }),
    how: fc.integer({ min: 0, max: 2 }),
  }),
  { maxLength: 400 },
);

test('every request of every run hears its own answer, whatever the order', () => {
  fc.assert(
    fc.property(steps, (all) => {
      const pending = new Pending();
      const waiters: Notes[] = [];
      const expected: string[] = [];
      const open: number[] = [];
      let next = 1;
      for (const step of all) {
        if (step.add > 0) {
          const waiter = new Notes(step.add);
          waiters.push(waiter);
          pending.add(next, step.add, waiter);
          for (let at = 0; at < step.add; at++) open.push(next++);
        }
        if (open.length === 0) continue;
        const at = Math.floor(step.where * open.length);
        const first = open[at] as number;
        if (step.how === 0) {
          let count = 1;
          while (count < step.run && open[at + count] === first + count) count++;
          pending.ok(first, first + count - 1, 0, 0);
          for (const number of open.splice(at, count)) expected[number] = 'ok';
        } else {
          if (step.how === 1) pending.fail(first, error);
          else pending.answer(first, 0x86, reader);
          expected[first] = step.how === 1 ? 'fail' : 'answer';
          open.splice(at, 1);
        }
        assert.equal(pending.count, open.length);
      }
      pending.lose(error);
      for (const number of open) expected[number] = 'lost';
      assert.deepEqual(
        waiters.flatMap((waiter) => waiter.heard),
        expected.slice(1),
      );
    }),
    { numRuns: 200 },
  );
});

test('an answer to what was not asked, or was answered, is refused', () => {
  const pending = new Pending();
  assert.throws(() => pending.ok(1, 1, 0, 0), { code: 'bad-frame' });
  pending.add(1, 3, new Notes(3));
  pending.ok(1, 3, 0, 0);
  assert.throws(() => pending.fail(2, error), { code: 'bad-frame' });
  pending.add(4, 1, new Notes(1));
  assert.throws(() => pending.ok(4, 5, 0, 0), { code: 'bad-frame' });
});

test('a wait of hours costs its own entry, not that of all that came after', () => {
  const pending = new Pending();
  const old = new Notes(1);
  pending.add(1, 1, old);
  for (let number = 2; number < 100_000; number++) {
    pending.add(number, 1, new Notes(1));
    pending.ok(number, number, 0, 0);
  }
  assert.equal(pending.count, 1);
  assert.ok(pending.entries < 200, `${pending.entries} entries are kept`);
  pending.answer(1, 0x84, reader);
  assert.deepEqual(old.heard, ['answer']);
});
