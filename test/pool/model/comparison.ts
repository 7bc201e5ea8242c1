import assert from 'node:assert/strict';
import { measuredWrong } from '../../../src/sim/measured.js';
import type { Oracle } from '../../../src/sim/oracle.js';
import type { Expected, MVersion, Range } from '../../../src/sim/oracle-state.js';
import { type Answer, plain } from '../call.js';
import type { Client, Harness } from '../harness.js';
import { PAGE_BYTES, type Pages } from './pages.js';

function sameBytes(found: Uint8Array, expected: Uint8Array, words: string): void {
  const same = Buffer.compare(found, expected) === 0;
  assert.ok(same, `${words}: bytes are ${found[0]}, not ${expected[0]}`);
}

/** Holds what a pool has answered, and has inside, against what its model says. */
export class Comparison {
  /** Pages that were granted or given, as far as their session has been told. */
  readonly arrived = new Set<Range>();
  readonly #pool: Harness;
  readonly #oracle: Oracle;
  readonly #pages: Pages;

  constructor(pool: Harness, oracle: Oracle, pages: Pages) {
    this.#pool = pool;
    this.#oracle = oracle;
    this.#pages = pages;
  }

  /** What both have answered, and what both have inside. */
  all(requests: Map<Client, Set<number>>): void {
    for (const [client, open] of requests) {
      for (const request of [...open]) {
        const expected = this.#oracle.answers.get(`${client.session}/${request}`) ?? null;
        const answer = client.answers.get(request) ?? null;
        const words = `${client.session}/${request}`;
        if (expected === null) assert.equal(answer, null, `${words} waits`);
        else {
          assert.ok(answer !== null, `${words} is answered: ${expected.kind}`);
          this.#answers(client, words, expected, answer);
          open.delete(request);
        }
      }
      if (client.gone) requests.delete(client);
      // Offers that were refused have left their page with the session.
      const session = this.#oracle.sessions.get(client.session);
      const pages = session === undefined ? [] : this.#pages.of(session);
      for (const page of pages) if (page.slab >= 0) this.arrived.add(page);
    }
    this.#counts();
    for (const version of this.#oracle.versions) {
      const { payload } = version;
      if (payload.kind !== 'slice') continue;
      const words = `G2: version ${version.number} of ${version.object.name}`;
      sameBytes(this.#bytes(payload.range, payload.size), payload.content, words);
    }
  }

  #answers(client: Client, words: string, expected: Expected, answer: Answer): void {
    const found = answer.kind === 'fail' ? `${answer.code}: ${answer.message}` : answer.kind;
    assert.equal(answer.kind, expected.kind, `${words}: ${found}`);
    if (expected.kind === 'fail' && answer.kind === 'fail') {
      assert.equal(answer.code, expected.code, `${words}: ${answer.message}`);
    } else if (expected.kind === 'welcome' && answer.kind === 'welcome') {
      assert.equal(answer.name, expected.name, words);
    } else if (expected.kind === 'bye' && answer.kind === 'bye') {
      assert.deepEqual([...answer.names].sort(), expected.names.sort(), words);
    } else if (expected.kind === 'value' && answer.kind === 'value') {
      const told = plain(answer.value) as { [key: string]: unknown };
      const { measured } = expected;
      if (measured) assert.equal(measuredWrong(measured, told['statistics']), '', words);
      if (measured !== undefined) delete told['statistics'];
      assert.deepEqual(told, expected.value, words);
    } else if (expected.kind === 'grant' && answer.kind === 'grant') {
      assert.equal(answer.size, PAGE_BYTES, words);
      this.#granted(expected.range, answer);
    } else if (expected.kind === 'deliver' && answer.kind === 'deliver') {
      this.#delivered(client, words, expected, answer);
    }
  }

  #granted(page: Range, { slab, offset }: Range): void {
    for (const other of this.#pages.used()) {
      const same = other !== page && other.slab === slab && other.offset === offset;
      assert.ok(!same, `I4: bytes at ${slab}+${offset} are granted while in use`);
    }
    page.slab = slab;
    page.offset = offset;
    this.arrived.add(page);
  }

  #delivered(
    client: Client,
    words: string,
    expected: Extract<Expected, { kind: 'deliver' }>,
    answer: Extract<Answer, { kind: 'deliver' }>,
  ): void {
    const { version, source, attributes } = expected;
    assert.equal(answer.version, version.number, words);
    assert.equal(answer.source, source, words);
    const { dtype, length } = version;
    const space = { dtype, shape: [length], order: 'row', byteOrder: 'little' };
    assert.deepEqual(answer.space, space, words);
    assert.deepEqual({ ...answer.attributes }, Object.fromEntries(attributes), words);
    const found = answer.payload;
    const { payload } = version;
    if (source === 0) assert.equal(found, null, words);
    else if (payload.kind === 'inline' && found instanceof Uint8Array) {
      sameBytes(found, payload.content, words);
    } else if (payload.kind === 'slice' && found !== null && !(found instanceof Uint8Array)) {
      assert.equal(found.size, payload.size, words);
      // A client that has let go of it in the same frame reads what it must not.
      const session = this.#oracle.sessions.get(client.session);
      const given = session !== undefined && this.#pages.of(session).has(payload.range);
      if (given || version.readers.size > 0) {
        sameBytes(this.#bytes(found, found.size), payload.content, words);
      }
      if (given) this.arrived.add(payload.range);
    } else assert.fail(`${words}: a payload of another kind`);
  }

  #bytes({ slab, offset }: Pick<Range, 'slab' | 'offset'>, size: number): Uint8Array {
    return this.#pool.slabs.get(slab)?.slice(offset, offset + size) ?? new Uint8Array();
  }

  #counts(): void {
    const { pool } = this.#pool;
    const oracle = this.#oracle;
    const handles = [...oracle.sessions.values()].flatMap((each) => [...each.handles.values()]);
    const count = (test: (version: MVersion) => number): number =>
      [...oracle.versions].reduce((sum, version) => sum + test(version), 0);
    const timers = [...oracle.versions].filter(
      (each) => each.offered && each.ends !== Number.POSITIVE_INFINITY,
    ).length;
    const found = {
      sessions: pool.sessions.size,
      members: [...pool.membersByName.keys()].sort(),
      objects: pool.objects.used,
      handles: pool.handles.used,
      versions: pool.versions.used,
      requires: pool.requiresOpen,
      readers: pool.readerLeases,
      promises: pool.promises.size,
      waits: pool.waits.used,
      leaseWaits: pool.leaseWaits.length,
      bytesFree: pool.extents.bytesFree,
    };
    const expected: typeof found = {
      sessions: oracle.sessions.size,
      members: [...oracle.members.keys()].sort(),
      objects: oracle.objects.size,
      handles: handles.length,
      versions: oracle.versions.size,
      requires: handles.filter((each) => each.state === 'required').length,
      readers: count((version) => version.readers.size),
      promises: oracle.promises.length,
      waits:
        handles.filter((each) => each.demand !== null).length +
        oracle.queue.length +
        timers +
        oracle.promises.filter((each) => each.state === 'grace').length,
      leaseWaits: oracle.queue.length,
      bytesFree: this.#pages.free * PAGE_BYTES,
    };
    assert.deepEqual(found, expected, 'what is counted');
  }
}
