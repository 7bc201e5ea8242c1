import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { INPUTS_MAX, Inputs } from '../../src/apps/tracer/inputs.js';
import type { Span } from '../../src/apps/tracer/lives.js';
import { OtlpSink } from '../../src/apps/tracer/otlp.js';
import type { PoolEvent } from '../../src/client/index.js';
import { fc } from '../fast-check.js';
import { eventOf as event } from './traced-run.js';

interface Link {
  readonly traceId: string;
  readonly spanId: string;
}

interface Told extends Link {
  readonly name: string;
  readonly member: string;
  readonly object: string;
  readonly links: readonly Link[];
}

interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string };
}

interface Request {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly (Told & Attributed)[] }[];
  }[];
}

interface Attributed {
  readonly attributes: readonly Attribute[];
}

const textOf = (attributes: readonly Attribute[], wanted: string): string =>
  attributes.find(({ key }) => key === wanted)?.value.stringValue ?? '';

/** A collector, and what it is told. */
function collector() {
  const spans: Told[] = [];
  const sink = new OtlpSink(
    { poolId: 'id', poolName: 'pool' },
    {
      async send(text: string) {
        for (const { resource, scopeSpans } of (JSON.parse(text) as Request).resourceSpans) {
          const member = textOf(resource.attributes, 'service.instance.id');
          for (const span of scopeSpans.flatMap((scope) => scope.spans)) {
            const object = textOf(span.attributes, 'attacca.object');
            const { traceId, spanId, name, links = [] } = span;
            spans.push({ traceId, spanId, name, member, object, links });
          }
        }
      },
      close: async () => {},
    },
  );
  return { sink, spans };
}

/** What a span links to: `offer x by producer`. */
function linked(spans: readonly Told[], name: string, member: string): string[] {
  const found = spans.filter((span) => span.name === name && span.member === member);
  return found.flatMap(({ links }) =>
    links.map(({ spanId }) => {
      const to = spans.find((span) => span.spanId === spanId);
      return to === undefined ? 'nothing' : `${to.name} ${to.object} by ${to.member}`;
    }),
  );
}

test('a use links to the offer that it came from, whoever came first, and an offer to its inputs', async () => {
  const { sink, spans } = collector();
  let seq = 0;
  const tell = (kind: string, member: string, name: string): void =>
    sink.take(event(++seq, kind, member, name));
  tell('require', 'early', 'x');
  tell('offer', 'producer', 'x');
  tell('demand', 'early', 'x');
  tell('require', 'late', 'x');
  tell('demand', 'late', 'x');
  // Twice in hand: the second use is within the first.
  tell('require', 'late', 'x');
  tell('demand', 'late', 'x');
  tell('dispose', 'late', 'x');
  tell('demand', 'plain', 'x');
  tell('dispose', 'early', 'x');
  tell('offer', 'early', 'y');
  tell('offer', 'early', 'z');
  // What is in hand still counts for each.
  tell('offer', 'plain', 'v');
  tell('offer', 'plain', 'w');
  // Of nothing that was traced: there is no offer that it came from.
  tell('demand', 'plain', 'unseen');
  await sink.close(1_000);
  for (const member of ['early', 'late']) {
    assert.deepEqual(linked(spans, 'demand', member), ['offer x by producer'], member);
  }
  assert.deepEqual(linked(spans, 'demand', 'plain'), ['offer x by producer', 'nothing']);
  assert.deepEqual(linked(spans, 'offer', 'early'), ['demand x by early']);
  assert.deepEqual(linked(spans, 'offer', 'plain'), Array(2).fill('demand x by plain'));
  assert.deepEqual(linked(spans, 'offer', 'producer'), []);
});

/** What JSON of protobuf takes for an int64, and for a double. */
const isInt64 = (text: string): boolean =>
  /^-?\d+$/u.test(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text);

test('each number is one that a collector takes: no intValue beyond int64', async () => {
  const values = new Map<string, unknown>();
  const sink = new OtlpSink(
    { poolId: 'id', poolName: 'pool' },
    {
      async send(text: string) {
        for (const { scopeSpans } of (JSON.parse(text) as Request).resourceSpans) {
          for (const { attributes } of scopeSpans.flatMap(({ spans }) => spans)) {
            for (const { key, value } of attributes) values.set(key, value);
          }
        }
      },
      close: async () => {},
    },
  );
  const attributes = {
    ...{
      step: 6,
      half: 0.5,
      fill: 9.969209968386869e36,
      most: 2 ** 63,
      none: NaN,
      below: -Infinity,
    },
    ...{ long: 2n ** 63n - 1n, least: -(2n ** 63n), unsigned: 18_446_744_073_709_551_615n },
  };
  sink.take({ ...event(1, 'offer', 'producer', 'x'), attributes });
  await sink.close(1_000);
  const told = Object.keys(attributes).map((key) => values.get(`attributes.${key}`));
  assert.deepEqual(told, [
    ...[{ intValue: '6' }, { doubleValue: 0.5 }, { doubleValue: 9.969209968386869e36 }],
    ...[{ doubleValue: 2 ** 63 }, { doubleValue: 'NaN' }, { doubleValue: '-Infinity' }],
    ...[{ intValue: '9223372036854775807' }, { intValue: '-9223372036854775808' }],
    { stringValue: '18446744073709551615' },
  ]);
  for (const value of values.values()) {
    const { intValue } = value as { readonly intValue?: string };
    if (intValue !== undefined) assert.ok(isInt64(intValue), intValue);
  }
});

test('who begins with a snapshot makes the same ids as who was there', async () => {
  const [first, second] = [collector(), collector()];
  const offer = event(3, 'offer', 'producer', 'x');
  const seen = [event(1, 'join', 'producer', 'producer'), offer];
  const later = [event(8, 'demand', 'reader', 'x'), event(9, 'dispose', 'reader', 'x')];
  for (const each of [...seen, ...later]) first.sink.take(each);
  const told = { ...offer, seq: 7, isSnapshot: true };
  for (const each of [told, ...later]) second.sink.take(each);
  for (const { sink } of [first, second]) await sink.close(1_000);
  const idsOf = (spans: readonly Told[]) => spans.map(({ name, spanId }) => `${name} ${spanId}`);
  assert.equal(first.spans.length, 4);
  assert.deepEqual(idsOf(second.spans), idsOf(first.spans));
  assert.deepEqual(linked(second.spans, 'demand', 'reader'), ['offer x by producer']);
});

test('of many inputs of one offer the newest are linked', async () => {
  const { sink, spans } = collector();
  let seq = 0;
  for (let at = 0; at < 3 * INPUTS_MAX; at++) {
    sink.take(event(++seq, 'offer', 'producer', `x${at}`));
    sink.take(event(++seq, 'demand', 'maker', `x${at}`));
    // The first one is held all the time.
    if (at > 0) sink.take(event(++seq, 'dispose', 'maker', `x${at}`));
  }
  sink.take(event(++seq, 'offer', 'maker', 'y'));
  sink.take(event(++seq, 'offer', 'maker', 'z'));
  await sink.close(1_000);
  const names = Array.from({ length: INPUTS_MAX - 1 }, (_, at) => `x${2 * INPUTS_MAX + at + 1}`);
  assert.deepEqual(
    linked(spans, 'offer', 'maker'),
    ['x0', ...names, 'x0'].map((name) => `demand ${name} by maker`),
  );
});

const use = (member: string, name: string): Span => {
  const begin = event(1, 'demand', member, name);
  return { kind: 'use', member, name, version: 1, begin, outcome: '' };
};

test('what is remembered of members is bounded, and is as a list has it', () => {
  const step = fc.record({
    what: fc.constantFrom('add', 'add', 'add', 'end', 'take', 'forget'),
    member: fc.constantFrom('a', 'b'),
    many: fc.integer({ min: 1, max: 100 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const inputs = new Inputs();
      const model = new Map<string, Span[]>([
        ['a', []],
        ['b', []],
      ]);
      let count = 0;
      for (const { what, member, many } of steps) {
        const known = model.get(member) ?? [];
        if (what === 'add') {
          for (let at = 0; at < many; at++) {
            const added = use(member, String(count++));
            inputs.add(added);
            if (known.length === INPUTS_MAX) {
              const ended = known.findIndex(({ outcome }) => outcome !== '');
              known.splice(Math.max(0, ended), 1);
            }
            known.push(added);
          }
        } else if (what === 'end') {
          for (const one of known.slice(-many)) one.outcome = 'dispose';
        } else if (what === 'take') {
          assert.deepEqual(inputs.take(member), known);
          model.set(
            member,
            known.filter(({ outcome }) => outcome === ''),
          );
        } else {
          inputs.forget(member);
          model.set(member, []);
        }
        const all = [...model.values()].reduce((sum, { length }) => sum + length, 0);
        assert.equal(inputs.size, all);
      }
    }),
  );
  const inputs = new Inputs();
  for (let at = 0; at < 5_000; at++) inputs.add(use(`m${at}`, 'x'));
  assert.ok(inputs.size <= 1_024, 'members that are gone unseen are forgotten');
  assert.deepEqual(inputs.take('m0'), []);
  assert.equal(inputs.take('m4999').length, 1);
});

test('a tracer that runs for long does not keep what has ended', async () => {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const { sink } = collector();
  const told: WeakRef<PoolEvent>[] = [];
  let seq = 0;
  const tell = (kind: string, member: string, name: string): void => {
    const made = event(++seq, kind, member, name);
    told.push(new WeakRef(made));
    sink.take(made);
  };
  const ROUNDS = 1_500;
  for (let round = 0; round < ROUNDS; round++) {
    const name = `x${round}`;
    tell('require', 'never', name);
    tell('offer', 'producer', name);
    // A member that only takes; twice in hand, which ends with one dispose.
    for (const kind of ['require', 'demand', 'require', 'demand', 'dispose']) {
      tell(kind, 'reader', name);
    }
    tell('demand', `once${round}`, name);
    tell('crash', '', `once${round}`);
    tell('retract', 'never', name);
    tell('withdraw', 'producer', name);
    if (round % 100 === 0) {
      await sink.flush();
      await turn();
    }
  }
  await turn();
  collect();
  const alive = told.filter((one) => one.deref() !== undefined).length;
  assert.ok(alive <= 2 * INPUTS_MAX, `${alive} of ${told.length} events are kept`);
  await sink.close(1_000);
});
