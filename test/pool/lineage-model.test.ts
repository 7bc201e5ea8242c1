import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../fast-check.js';
import { Graph } from './graph.js';
import { Harness } from './harness.js';
import type { Handle, Member, Part } from './member.js';

/** A member's stay, as a log of what it had. */
interface Stay {
  readonly member: Member;
  readonly uses: Version[];
  /** Where in it the run began that goes on, or was the last. */
  runStart: number;
  runOver: boolean;
}

/** What a stay offered of a version. */
interface Offered {
  readonly stay: Stay;
  readonly sources: ReadonlySet<Version>;
  /** How much of its log was there. */
  readonly useEnd: number;
}

interface Version {
  readonly label: string;
  readonly name: string;
  /** Who began it. */
  readonly stay: Stay;
  /** By whom it was begun, and then its parts, but for those that tell nothing new. */
  readonly offers: Offered[];
  readonly handle: Handle;
  /** Its parts; 0 when it is offered whole. */
  parts: number;
  isUsed: boolean;
}

function sourcesOf(version: Version): Set<Version> {
  const all = new Set(version.offers.flatMap(({ sources }) => [...sources]));
  all.delete(version);
  return all;
}

const MEMBERS = 3;
/** Of the first two somebody keeps a handle: their versions are counted on. */
const NAMES = ['kept/1', 'kept/2', 'free/1', 'free/2', 'free/3', 'kept/parts/1', 'kept/parts/2'];
const PARTS_MAX = 256;
const FIRST: Part = [[PARTS_MAX], [0]];
/** How often each is done, among the others. */
const KINDS = { offer: 8, part: 8, demand: 10, peek: 1, withdraw: 4, leave: 1, crash: 1 } as const;

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
    for (const name of NAMES) if (isKept(name)) this.keeper.declare(name).declared.ok();
  }

  act(kind: keyof typeof KINDS, who: number, wanted: string): void {
    this.pool.pass(1);
    const stay = this.#stays[who] ?? this.#join(who);
    if (kind === 'part') {
      this.#part(stay, wanted.endsWith('1') ? 'kept/parts/1' : 'kept/parts/2');
      return;
    }
    // Where that name cannot be meant, another one is.
    const isFree = (name: string): boolean => !this.#offered.has(name);
    const whole = NAMES.filter((name) => !name.includes('parts'));
    const others = kind === 'offer' ? whole.filter(isFree) : [...this.#offered.keys()];
    const isMeant =
      isFree(wanted) === (kind === 'offer') && (kind !== 'offer' || whole.includes(wanted));
    const name = isMeant ? wanted : (others[0] ?? wanted);
    const version = this.#offered.get(name);
    if (kind === 'offer' && version === undefined && whole.includes(name)) this.#offer(stay, name);
    else if (kind === 'withdraw' && version !== undefined && version.parts > 0) {
      this.keeper.unkeep(name).ok();
      this.#offered.delete(name);
    } else if (kind === 'withdraw' && version?.stay === stay) {
      version.handle.withdraw().ok();
      version.handle.dispose().ok();
      this.#offered.delete(name);
    } else if (kind === 'peek' && version?.parts === 0) {
      stay.member.demand(name, { mode: 'peek', dispose: true }).delivered();
    } else if (kind === 'demand' && version !== undefined) {
      if (version.parts === 0) stay.member.demand(name, { dispose: true }).delivered();
      else {
        const handle = stay.member.declare(name);
        handle.region(FIRST).ok();
        handle.demand({ dispose: true }).parts();
      }
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
    this.#begin(stay, name, stay.member.offer(name, 'x'), 0);
  }

  /** The next element of an object in parts, whose version it may begin. */
  #part(stay: Stay, name: string): void {
    const version = this.#offered.get(name);
    const at = version?.parts ?? 0;
    const space = { dtype: 'uint8', shape: [PARTS_MAX] } as const;
    const handle = stay.member.declare(name, { space });
    handle.offerPart([[PARTS_MAX], [at]], 'x', { keep: true }).ok();
    if (version === undefined) {
      this.#begin(stay, name, handle, 1);
      return;
    }
    version.parts++;
    const { offers } = version;
    const isKnown = offers.some((it) => it.stay === stay && it.useEnd === stay.uses.length);
    if (!isKnown) offers.push(offeredNow(stay));
    stay.runOver = true;
  }

  #begin(stay: Stay, name: string, handle: Handle, parts: number): void {
    const number = isKept(name) ? (this.#counts.get(name) ?? 0) + 1 : 1;
    this.#counts.set(name, number);
    const label = `${name}@${number} ${this.pool.now}`;
    const offers = [offeredNow(stay)];
    const version: Version = { label, name, stay, offers, handle, parts, isUsed: false };
    stay.runOver = true;
    this.versions.push(version);
    this.#offered.set(name, version);
  }

  #end(who: number, stay: Stay, how: 'leave' | 'crash'): void {
    if (how === 'leave') stay.member.leave().bye();
    else this.pool.crash(stay.member.client);
    this.#stays[who] = null;
    for (const [name, version] of this.#offered) {
      if (version.stay === stay && version.parts === 0) this.#offered.delete(name);
    }
  }

  /** The version that a name means: of those that are gone, one of which there was something. */
  newest(name: string): Version | undefined {
    const known = ({ name: other, isUsed, offers }: Version): boolean =>
      other === name && (isUsed || offers.length > 1 || offers.some(({ useEnd }) => useEnd > 0));
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

  expected(root: Version, depth: number): { [edges in 'derived' | 'used' | 'parts']: string[] } {
    const madeOf = (of: Version): Version[] => this.versions.filter((it) => sourcesOf(it).has(of));
    const [upTo = [], up = []] = this.#closure(root, depth, sourcesOf);
    const [downTo = [], down = []] = this.#closure(root, depth, madeOf);
    const derived = [
      ...up.flatMap((of) => [...sourcesOf(of)].map((source) => `${of.label} of ${source.label}`)),
      ...down.flatMap((of) => madeOf(of).map((made) => `${made.label} of ${of.label}`)),
    ];
    const used = up.flatMap(({ offers }) =>
      offers.flatMap(({ stay, useEnd }) =>
        stay.uses.slice(0, useEnd).map((use) => `${stay.member.name} ${use.label}`),
      ),
    );
    const parts = [...upTo, ...downTo].flatMap(({ label, offers }) =>
      offers.slice(1).map(({ stay }) => `${stay.member.name} ${label}`),
    );
    for (const { member, uses } of this.#all) {
      for (const use of uses) if (down.includes(use)) used.push(`${member.name} ${use.label}`);
    }
    return { derived: unique(derived), used: unique(used), parts: unique(parts) };
  }
}

function isKept(name: string): boolean {
  return name.startsWith('kept');
}

function offeredNow(stay: Stay): Offered {
  const sources = new Set(stay.uses.slice(stay.runStart));
  return { stay, sources, useEnd: stay.uses.length };
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
  let parts = 0;
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
        assert.deepEqual(unique(graph.exactParts), expected.parts);
        assert.deepEqual(graph.answer['truncated'], false);
        assert.deepEqual(graph.answer['forgotten'], false);
        edges += graph.edges.length;
        parts += expected.parts.length;
      }
    }),
    { numRuns: 30 },
  );
  assert.ok(edges > 500 && parts > 50, `${edges} edges, ${parts} of parts`);
});
