import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../fast-check.js';
import { Harness } from './harness.js';
import type { Handle, Member } from './member.js';

const NAMES = ['a', 'b', 'c', 'd'] as const;
const GROUPS = ['g', 'h'] as const;

const anyStep = fc.tuple(
  fc.constantFrom('offer', 'group', 'group', 'withdraw', 'require', 'require', 'take', 'crash'),
  fc.nat(3),
  fc.subarray([...NAMES]),
);
type Step = readonly [what: string, at: number, names: readonly string[]];

/** What was offered by a name: of a group, the texts of what is in it. */
interface Offered {
  readonly handle: Handle;
  readonly has: ReadonlyMap<string, string>;
  readonly members: ReadonlyMap<string, Handle>;
}

const NOTHING: ReadonlyMap<string, never> = new Map<string, never>();

/** A pool with a producer and a consumer, beside what it should be. */
class Story {
  readonly pool = new Harness();
  readonly view = this.pool.member('view');
  model: Member;
  readonly offered = new Map<string, Offered>();
  /** Requires of groups, and what each is bound to. */
  readonly required: {
    readonly name: string;
    readonly handle: Handle;
    has: Offered['has'] | null;
  }[] = [];
  #made = 0;

  constructor() {
    this.model = this.pool.member('model0');
  }

  run([what, at, names]: Step): void {
    const group = GROUPS[at % 2] ?? 'g';
    if (what === 'offer') this.offer(NAMES[at] ?? 'a');
    else if (what === 'group') this.offerGroup(group, names);
    else if (what === 'withdraw') this.withdraw([...this.offered.keys()][at] ?? '');
    else if (what === 'require') this.require(group);
    else if (what === 'take') this.take(at);
    else this.crash();
  }

  offer(name: string): void {
    const handle = this.model.declare(name);
    const text = `${name}${this.#made++}`;
    const call = handle.offer(text);
    if (this.offered.has(name)) {
      call.fails('already-offered');
      handle.dispose().ok();
      return;
    }
    call.ok();
    this.offered.set(name, { handle, has: NOTHING, members: NOTHING });
  }

  offerGroup(name: string, names: readonly string[]): void {
    const own = this.model.declare(name);
    const has = new Map(names.map((each) => [each, `${each}${this.#made++}`]));
    const members = [...has].map(([each, text]) => [this.model.declare(each), text] as const);
    const { versions } = this.pool.pool;
    const before = versions.used;
    const call = own.offerGroup(members);
    if ([name, ...names].some((each) => this.offered.has(each))) {
      call.fails('already-offered');
      assert.equal(versions.used, before, 'nothing of it is offered');
      for (const handle of [own, ...members.map(([each]) => each)]) handle.dispose().ok();
      return;
    }
    call.ok();
    for (const [handle] of members) {
      this.offered.set(handle.name, { handle, has: NOTHING, members: NOTHING });
    }
    const byName = new Map(members.map(([handle]) => [handle.name, handle]));
    this.offered.set(name, { handle: own, has, members: byName });
    for (const each of this.required) if (each.name === name) each.has ??= has;
  }

  withdraw(name: string): void {
    const found = this.offered.get(name);
    if (found === undefined) return;
    found.handle.withdraw().ok();
    this.offered.delete(name);
    for (const [member, handle] of found.members) {
      // One that was withdrawn by itself may have been offered anew since.
      if (this.offered.get(member)?.handle === handle) this.offered.delete(member);
    }
  }

  require(name: string): void {
    const handle = this.view.require(name);
    this.required.push({ name, handle, has: this.offered.get(name)?.has ?? null });
  }

  /** Has what a group had that was required, whatever its names mean by now. */
  take(at: number): void {
    const [one] = this.required.splice(at % Math.max(1, this.required.length), 1);
    if (one === undefined) return;
    if (one.has === null) {
      one.handle.retract().ok();
      return;
    }
    one.handle.demand().delivered();
    const handles = [...one.has].map(([name, text]) => {
      const handle = this.view.declare(name);
      handle.requireMember(one.handle).ok();
      return [handle, text] as const;
    });
    one.handle.dispose().ok();
    for (const [handle, text] of handles) {
      assert.equal(handle.demand().text(), text);
      handle.dispose().ok();
    }
  }

  crash(): void {
    this.pool.crash(this.model.client);
    this.model = this.pool.member(`model${++this.#made}`);
    this.offered.clear();
  }
}

test('who has required a group has what it had, whatever comes in between', () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 40 }), (steps) => {
      const story = new Story();
      for (const step of steps) story.run(step);
      while (story.required.length > 0) story.take(0);
      story.crash();
      story.pool.crash(story.view.client);
      const { versions, groups, objects } = story.pool.pool;
      assert.deepEqual([versions.used, groups.size, objects.used], [0, 0, 0]);
    }),
    { numRuns: 100 },
  );
});
