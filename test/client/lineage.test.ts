import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Lineage } from '../../src/client/index.js';
import { provOf } from '../../src/client/prov.js';
import { joinApart, ramp, servePool } from './support/pools.js';

const moment = new Date('2026-03-01T12:00:00.250Z');

/** All that a lineage can have, and names that are none for a machine. */
const LINEAGE: Lineage = {
  name: 'maps/a map (v2).png',
  nodes: [
    node('maps/a map (v2).png', { version: 3, activity: 1, place: 2 }),
    node('t/850', { version: 1, activity: 0, state: 'gone' }),
    node('t/850', { version: 1, activity: 0, state: 'gone' }),
    node('größe "x":é🌡', { version: 1, activity: 0, state: 'withdrawn' }),
    node('10.5555/a-paper', { state: 'unknown', time: null, bytes: null }),
  ],
  activities: [stay('model[0]', 1, { until: moment, stay: 'crashed' }), stay('plot', 2)],
  edges: [
    { kind: 'derived', from: 0, to: 1 },
    { kind: 'used', activity: 1, to: 1, time: moment, place: 2 },
    { kind: 'used', activity: 1, to: 3, time: moment, place: 1 },
    { kind: 'declared', relation: 'derived-from', from: 0, to: 4 },
    { kind: 'declared', relation: 'supersedes', from: 0, to: 3 },
    { kind: 'declared', relation: 'part-of', from: 0, to: 3 },
    { kind: 'declared', relation: 'depends-on', from: 0, to: 2 },
  ],
  truncated: false,
  deeper: false,
  forgotten: false,
};

function node(name: string, rest: Partial<Lineage['nodes'][0]>): Lineage['nodes'][0] {
  const plain = { version: null, state: 'offered', activity: null, time: moment, bytes: 8 };
  return { name, ...plain, place: 0, ...rest };
}

function stay(
  member: string,
  id: number,
  rest: Partial<Lineage['activities'][0]> = {},
): Lineage['activities'][0] {
  const process = { session: id, host: 'node-7', pid: 400 + id, command: `python ${member}.py` };
  return { member, id, ...process, since: moment, until: null, stay: 'present', ...rest };
}

/** The kinds of PROV-JSON, and what each relation must name: of which kind. */
const RELATIONS: { readonly [kind: string]: { readonly [field: string]: readonly string[] } } = {
  wasGeneratedBy: { 'prov:entity': ['entity'], 'prov:activity': ['activity'] },
  used: { 'prov:activity': ['activity'], 'prov:entity': ['entity'] },
  wasDerivedFrom: { 'prov:generatedEntity': ['entity'], 'prov:usedEntity': ['entity'] },
  wasAssociatedWith: { 'prov:activity': ['activity'], 'prov:agent': ['agent'] },
  wasAttributedTo: { 'prov:entity': ['entity'], 'prov:agent': ['agent'] },
  specializationOf: { 'prov:specificEntity': ['entity'], 'prov:generalEntity': ['entity'] },
  hadMember: { 'prov:collection': ['entity'], 'prov:entity': ['entity'] },
  wasInfluencedBy: { 'prov:influencee': ['entity'], 'prov:influencer': ['entity'] },
};

type Document = {
  readonly [kind: string]: {
    readonly [id: string]: string | { readonly [field: string]: unknown };
  };
};

/** What the format asks of a document: names with a known prefix, values with a type, and ends. */
function checkFormat(document: Document): void {
  const prefixes = new Set([...Object.keys(document['prefix'] ?? {}), 'prov', 'xsd']);
  const checkName = (name: string): void => {
    // Letters, digits and what PROV-N lets stand in a local name without a backslash.
    const found = /^([a-z]+):[A-Za-z0-9_%/.-]*[A-Za-z0-9_%/-]$/u.exec(name);
    assert.ok(found !== null && prefixes.has(found[1] ?? ''), name);
  };
  for (const [prefix, iri] of Object.entries(document['prefix'] ?? {})) {
    assert.match(String(iri), /^urn:attacca:[\w:%-]+:$/u, prefix);
  }
  for (const [kind, records] of Object.entries(document)) {
    if (kind === 'prefix') continue;
    const ends = RELATIONS[kind];
    assert.ok(ends !== undefined || ['entity', 'activity', 'agent'].includes(kind), kind);
    for (const [id, record] of Object.entries(records)) {
      if (ends === undefined) checkName(id);
      else assert.match(id, /^_:[a-z]\d+$/u);
      assert.ok(typeof record === 'object');
      for (const [field, kinds] of Object.entries(ends ?? {})) {
        const named = String(record[field]);
        assert.ok(
          kinds.some((each) => document[each]?.[named] !== undefined),
          `${kind} ${id}: ${field} ${named} is there`,
        );
      }
      for (const [field, value] of Object.entries(record)) {
        checkName(field);
        if (typeof value === 'string') continue;
        const { $, type } = value as { $: unknown; type: string };
        assert.equal(typeof $, 'string');
        checkName(type);
        if (type === 'prov:QUALIFIED_NAME') checkName(String($));
      }
    }
  }
}

const documentOf = (lineage: Lineage, poolId = 'p-1'): Document =>
  JSON.parse(JSON.stringify(provOf(lineage, poolId))) as Document;

test('a lineage as PROV-JSON: versions, stays, processes, and what is between them', () => {
  const document = documentOf(LINEAGE);
  checkFormat(document);
  const map = 'version:maps/a%20map%20%28v2%29.png.v3.1772366400250';
  assert.deepEqual(document['entity']?.[map], {
    'prov:label': 'maps/a map (v2).png, version 3',
    'prov:type': { $: 'attacca:Version', type: 'prov:QUALIFIED_NAME' },
    'attacca:version': { $: '3', type: 'xsd:long' },
    'attacca:bytes': { $: '8', type: 'xsd:long' },
    'attacca:state': 'offered',
  });
  assert.deepEqual(document['activity']?.['stay:model%5B0%5D.1'], {
    'prov:label': 'model[0]',
    'prov:startTime': '2026-03-01T12:00:00.250Z',
    'prov:endTime': '2026-03-01T12:00:00.250Z',
    'attacca:stay': 'crashed',
    'attacca:command': 'python model[0].py',
  });
  assert.deepEqual(document['agent']?.['process:2'], {
    'prov:type': { $: 'prov:SoftwareAgent', type: 'prov:QUALIFIED_NAME' },
    'prov:label': 'process 402 on node-7',
    'attacca:host': 'node-7',
    'attacca:pid': { $: '402', type: 'xsd:long' },
    'attacca:session': { $: '2', type: 'xsd:long' },
  });
  assert.deepEqual(Object.values(document['wasDerivedFrom'] ?? {}), [
    { 'prov:generatedEntity': map, 'prov:usedEntity': 'version:t/850.v1.1772366400250' },
    {
      'prov:generatedEntity': map,
      'prov:usedEntity': 'object:10.5555/a-paper',
      'prov:type': { $: 'attacca:derived-from', type: 'prov:QUALIFIED_NAME' },
    },
    {
      'prov:generatedEntity': map,
      'prov:usedEntity': 'version:gr%C3%B6%C3%9Fe%20%22x%22%3A%C3%A9%F0%9F%8C%A1.v1.1772366400250',
      'prov:type': { $: 'prov:Revision', type: 'prov:QUALIFIED_NAME' },
    },
  ]);
  assert.equal(Object.keys(document['used'] ?? {}).length, 2);
  assert.equal(Object.keys(document['hadMember'] ?? {}).length, 1);
  // Two versions that nothing tells apart are two all the same.
  assert.ok(document['entity']?.['version:t/850.v1.1772366400250.2'] !== undefined);
});

test('a lineage of nothing else is a document, too', () => {
  const one = { ...LINEAGE, nodes: LINEAGE.nodes.slice(3, 4), activities: [], edges: [] };
  const nodes = one.nodes.map((each) => ({ ...each, activity: null }));
  checkFormat(documentOf({ ...one, nodes }, 'pool with : and ü'));
});

test('a pool tells the lineage of an object, and as PROV', async (t) => {
  const server = await servePool(t);
  await using model = await joinApart(server, 'model');
  await using plot = await joinApart(server, 'plot');
  await model.put('t', ramp(8));
  const read = await plot.object('t').demand();
  read.dispose();
  await plot.put('map', ramp(4));
  const lineage = await model.lineage('map');
  assert.deepEqual(
    lineage.nodes.map(({ name, version, state }) => [name, version, state]),
    [
      ['map', 1, 'offered'],
      ['t', 1, 'offered'],
    ],
  );
  assert.deepEqual(lineage.edges[0], { kind: 'derived', from: 0, to: 1 });
  const [maker] = lineage.activities;
  assert.deepEqual([maker?.member, maker?.pid, maker?.stay], ['plot', process.pid, 'present']);
  assert.ok(Math.abs(Date.now() - Number(lineage.nodes[0]?.time)) < 600_000);
  const near = await model.lineage('t', { depth: 1 });
  assert.equal(near.edges.filter(({ kind }) => kind === 'used').length, 1);
  const document = JSON.parse(JSON.stringify(await model.prov('map'))) as Document;
  checkFormat(document);
  await assert.rejects(model.lineage('nothing'), { code: 'unknown-object' });
});

test('who offered parts of a version generated it, too: each once, who began it at its time', () => {
  const nodes = [
    node('field', { version: 1, activity: 0 }),
    node('t', { version: 1, activity: 1 }),
  ];
  const document = documentOf({
    ...LINEAGE,
    nodes,
    activities: [stay('w[0]', 1), stay('w[1]', 2)],
    edges: [
      { kind: 'part', from: 0, activity: 1, place: 2 },
      { kind: 'part', from: 0, activity: 0, place: 3 },
      { kind: 'derived', from: 0, to: 1 },
    ],
  });
  checkFormat(document);
  const field = `version:field.v1.${moment.getTime()}`;
  const of = (kind: string): unknown[] =>
    Object.values(document[kind] ?? {}).filter(
      (record) => typeof record === 'object' && record['prov:entity'] === field,
    );
  assert.deepEqual(of('wasGeneratedBy'), [
    {
      'prov:entity': field,
      'prov:activity': 'stay:w%5B0%5D.1',
      'prov:time': moment.toISOString(),
    },
    { 'prov:entity': field, 'prov:activity': 'stay:w%5B1%5D.2' },
  ]);
  assert.deepEqual(of('wasAttributedTo'), [
    { 'prov:entity': field, 'prov:agent': 'process:1' },
    { 'prov:entity': field, 'prov:agent': 'process:2' },
  ]);
});

test('the lineage of an array in parts names the inputs of all who made it', async (t) => {
  const server = await servePool(t);
  await using source = await joinApart(server, 'source');
  const space = { dtype: 'uint8', shape: [3] } as const;
  for (const at of [0, 1, 2]) {
    await source.put(`in/${at}`, Uint8Array.of(at));
    await using writer = await joinApart(server, `w[${at}]`);
    const input = await writer.object(`in/${at}`).demand();
    await writer
      .object('field', { space })
      .region([at])
      .write(Uint8Array.of(at))
      .offer({ keep: true });
    await input.dispose();
  }
  const { nodes, activities, edges } = await source.lineage('field');
  const nameOf = (index: number): string => nodes[index]?.name ?? '';
  const derived = edges.flatMap((edge) =>
    edge.kind === 'derived' && edge.from === 0 ? [nameOf(edge.to)] : [],
  );
  assert.deepEqual(derived.sort(), ['in/0', 'in/1', 'in/2']);
  const parts = edges.flatMap((edge) =>
    edge.kind === 'part' ? [activities[edge.activity]?.member] : [],
  );
  assert.deepEqual(parts.sort(), ['w[1]', 'w[2]']);
});
