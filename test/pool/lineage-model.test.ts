import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../fast-check.js';
import { Graph } from './graph.js';
import { Harness } from './harness.js';
import type { Handle, Member } from './member.js';

/** A member's stay, as a log of what it had. */
interface Stay {
  readonly member: Member;
  readonly uses: Version[];
  /** Where in it the run began that goes on, or was the last. */
  runStart: number;
  runOver: boolean;
}

interface Version {
  readonly label: string;
  readonly name: string;
  readonly stay: Stay;
  readonly sources: ReadonlySet<Version>;
  /** How much of the log of its maker was there. */
  readonly useEnd: number;
  readonly handle: Handle;
  isUsed: boolean;
}

const MEMBERS = 3;
/** Of the first two somebody keeps a handle: their versions are counted on. */
const NAMES = ['kept/1', 'kept/2', 'free/1', 'free/2', 'free/3'] as const;
/** How often each is done, among the others. */
const KINDS = { offer: 8, demand: 10, peek: 1, withdraw: 4, leave: 1, crash: 1 } as const;

/** A pool, and a log of all that was done: lineage is read from it without any index. */
class Story {
  readonly pool = new Harness();
  readonly keeper = this.pool.member('keeper');
  readonly versions: Version[] = [];
  readonly #all: Stay[] = [];
  readonly #stays: (Stay | null)[] = new Array<Stay | null>(MEMBERS).fill(null);
  readonly #offered = new Map<string, Version>();
  readonly #counts = new Map<string, number>();

  constructor() {
    for (const name of NAMES.slice(0, 2)) this.keeper.declare(name).declared.ok();
  }

  act(kind: keyof typeof KINDS, who: number, wanted: string): void {
    this.pool.pass(1);
    const stay = this.#stays[who] ?? this.#join(who);
    // Where that name cannot be meant, another one is.
    const isFree = (name: string): boolean => !this.#offered.has(name);
    const others = kind === 'offer' ? NAMES.filter(isFree) : [...this.#offered.keys()];
    const name = isFree(wanted) === (kind === 'offer') ? wanted : (others[0] ?? wanted);
    const version = this.#offered.get(name);
    if (kind === 'offer' && version === undefined) this.#offer(stay, name);
    else if (kind === 'withdraw' && version?.stay === stay) {
      version.handle.withdraw().ok();
      version.handle.dispose().ok();
      this.#offered.delete(name);
    } else if (kind === 'peek' && version !== undefined) {
      stay.member.demand(name, { mode: 'peek', dispose: true }).delivered();
    } else if (kind === 'demand' && version !== undefined) {
      stay.member.demand(name, { dispose: true }).delivered();
      if (stay.runOver) stay.runStart = stay.uses.length;
      stay.runOver = false;
      stay.uses.push(version);
      version.isUsed = true;
    } else if (kind === 'leave' || kind === 'crash') this.#end(who, stay, kind);
  }

  #join(who: number): Stay {
    const member = this.pool.member(`m[${who}]`);
    member.joined.welcome();
    const stay = { member, uses: [], runStart: 0, runOver: false };
    this.#stays[who] = stay;
    this.#all.push(stay);
    return stay;
  }

  #offer(stay: Stay, name: string): void {
    const number = name.startsWith('kept') ? (this.#counts.get(name) ?? 0) + 1 : 1;
    this.#counts.set(name, number);
    const version: Version = {
      label: `${name}@${number} ${this.pool.now}`,
      name,
      stay,
      sources: new Set(stay.uses.slice(stay.runStart)),
      useEnd: stay.uses.length,
      handle: stay.member.offer(name, 'x'),
      isUsed: false,
    };
    stay.runOver = true;
    this.versions.push(version);
    this.#offered.set(name, version);
  }

  #end(who: number, stay: Stay, how: 'leave' | 'crash'): void {
    if (how === 'leave') stay.member.leave().bye();
    else this.pool.crash(stay.member.client);
    this.#stays[who] = null;
    for (const [name, version] of this.#offered) {
      if (version.stay === stay) this.#offered.delete(name);
    }
  }

  /** The version that a name means: of those that are gone, one of which there was something. */
  newest(name: string): Version | undefined {
    const known = ({ name: other, isUsed, useEnd }: Version): boolean =>
      other === name && (isUsed || useEnd > 0);
    return this.#offered.get(name) ?? this.versions.findLast(known);
  }

  /** What depth steps lead to, and all but those of the last one. */
  #closure(root: Version, depth: number, next: (of: Version) => Iterable<Version>): Version[][] {
    const seen = new Set([root]);
    let last = [root];
    for (let level = 0; level < depth && last.length > 0; level++) {
      last = [...new Set(last.flatMap((each) => [...next(each)]))].filter((it) => !seen.has(it));
      for (const each of last) seen.add(each);
    }
    return [[...seen], [...seen].filter((each) => !last.includes(each))];
  }

  expected(root: Version, depth: number): { derived: string[]; used: string[] } {
    const madeOf = (of: Version): Version[] => this.versions.filter((it) => it.sources.has(of));
    const [, up = []] = this.#closure(root, depth, (of) => of.sources);
    const [, down = []] = this.#closure(root, depth, madeOf);
    const derived = [
      ...up.flatMap((of) => [...of.sources].map((source) => `${of.label} of ${source.label}`)),
      ...down.flatMap((of) => madeOf(of).map((made) => `${made.label} of ${of.label}`)),
    ];
    const used = up.flatMap(({ stay, useEnd }) =>
      stay.uses.slice(0, useEnd).map((use) => `${stay.member.name} ${use.label}`),
    );
    for (const { member, uses } of this.#all) {
      for (const use of uses) if (down.includes(use)) used.push(`${member.name} ${use.label}`);
    }
    return { derived: unique(derived), used: unique(used) };
  }
}

function unique(labels: Iterable<string>): string[] {
  return [...new Set(labels)].sort();
}

const kinds = Object.entries(KINDS).map(([kind, weight]) => ({
  arbitrary: fc.constant(kind as keyof typeof KINDS),
  weight,
}));
const operations = fc.array(
  fc.tuple(fc.oneof(...kinds), fc.nat(MEMBERS - 1), fc.constantFrom(...NAMES)),
  { minLength: 30, maxLength: 60 },
);

test('lineage is what a log of all that was done tells, whatever was done', () => {
  let edges = 0;
  fc.assert(
    fc.property(operations, fc.constantFrom(0, 1, 2), (all, depth) => {
      const story = new Story();
      for (const each of all) story.act(...each);
      for (const name of NAMES) {
        const root = story.newest(name);
        const call = story.keeper.lineage(name, depth);
        if (root === undefined) {
          if (!name.startsWith('kept')) call.fails('unknown-object');
          else assert.deepEqual(new Graph(call).root, name);
          continue;
        }
        const graph = new Graph(call);
        assert.equal(graph.exactLabel(0), root.label);
        const expected = story.expected(root, depth === 0 ? 16 : depth);
        assert.deepEqual(unique(graph.exactlyDerived), expected.derived);
        assert.deepEqual(unique(graph.exactlyUsed), expected.used);
        assert.deepEqual(graph.answer['truncated'], false);
        assert.deepEqual(graph.answer['forgotten'], false);
        edges += graph.edges.length;
      }
    }),
    { numRuns: 30 },
  );
  assert.ok(edges > 500, `${edges} edges`);
});
