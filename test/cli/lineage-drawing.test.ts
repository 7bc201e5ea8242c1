import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lineageDot } from '../../src/cli/lineage/dot.js';
import { drawingOf } from '../../src/cli/lineage/drawing.js';
import { Family, oneSide } from '../../src/cli/lineage/family.js';
import { layout } from '../../src/cli/lineage/layout.js';
import { lineageSvg } from '../../src/cli/lineage/svg.js';
import { lineageText } from '../../src/cli/lineage/tree.js';
import type { Lineage, LineageEdge, LineageNode } from '../../src/client/index.js';
import { fc } from '../fast-check.js';

const NOW = new Date('2026-03-01T12:00:00Z');
const GAPS = { across: 70, along: 18 };
const plain = { dim: (text: string) => text, bold: (text: string) => text };
const both = { sources: true, made: true };

function node(name: string, rest: Partial<LineageNode> = {}): LineageNode {
  const time = new Date(NOW.getTime() - 60_000);
  const like = { version: 1, state: 'offered', activity: 0, time, bytes: 2_048, place: 0 };
  return { name, ...like, ...rest };
}

function lineageWith(
  nodes: readonly LineageNode[],
  edges: readonly LineageEdge[],
  rest: Partial<Lineage> = {},
): Lineage {
  const process = { session: 1, host: 'h', pid: 7, command: 'python work.py' };
  const stay = { id: 1, since: NOW, until: null, stay: 'present' };
  const activities = [{ member: 'work[0]', ...process, ...stay }];
  const limits = { truncated: false, deeper: false, forgotten: false };
  return { name: nodes[0]?.name ?? '', nodes, activities, edges, ...limits, ...rest };
}

const derived = (from: number, to: number): LineageEdge => ({ kind: 'derived', from, to });
const used = (to: number, place: number): LineageEdge => {
  return { kind: 'used', activity: 0, to, time: NOW, place };
};

/** out/3 of in/3, which is of raw; in/1 and in/2 were used before. A map was made of out/3. */
const LOOP = lineageWith(
  [
    node('out/3', { place: 3 }),
    node('in/3', { activity: null }),
    node('raw', { activity: null, state: 'gone' }),
    node('in/1', { activity: null }),
    node('in/2', { activity: null }),
    node('map', { place: 4 }),
  ],
  [derived(0, 1), derived(1, 2), derived(5, 0), used(0, 4), used(1, 3), used(4, 2), used(3, 1)],
);

test('a tree: what it was made of, what its maker had used before, what was made of it', () => {
  const text = lineageText(LOOP, { sides: both, now: NOW.getTime(), style: plain });
  assert.deepEqual(text.split('\n'), [
    'out/3 v1, 2.0 KiB, by work[0], 1 m ago',
    'made by python work.py (process 7 on h)',
    '',
    'Made of',
    '├─ in/3 v1, 2.0 KiB, 1 m ago',
    '│  └─ raw v1, 2.0 KiB, 1 m ago, gone',
    '└─ its maker had used before: in/1, in/2',
    '',
    'Made into',
    '└─ map v1, 2.0 KiB, by work[0], 1 m ago',
    'handed over to work[0]',
  ]);
});

/** A field of three members: the second read `mask` before `in/1`, all read an input. */
function fieldOfThree(): Lineage {
  const names = ['field', 'in/0', 'in/1', 'in/2', 'mask'];
  const nodes = names.map((name, at) => node(name, { activity: at === 0 ? 0 : null, place: 1 }));
  const lineage = lineageWith(nodes, [
    ...[3, 2, 1].map((at) => derived(0, at)),
    { kind: 'part', from: 0, activity: 2, place: 4 },
    { kind: 'part', from: 0, activity: 1, place: 3 },
    { kind: 'used', activity: 1, to: 4, time: NOW, place: 2 },
    { kind: 'used', activity: 2, to: 4, time: NOW, place: 9 },
  ]);
  const [first] = lineage.activities;
  assert.ok(first !== undefined);
  const activities = [0, 1, 2].map((at) => ({ ...first, member: `work[${at}]`, id: at + 1 }));
  return { ...lineage, activities };
}

test('a version in parts: all who made it, and what each had used before its part', () => {
  const lineage = fieldOfThree();
  const sides = { sources: true, made: false };
  for (const told of [lineage, oneSide(lineage, 'sources')]) {
    assert.deepEqual(
      lineageText(told, { sides, now: NOW.getTime(), style: plain }).split('\n').slice(0, 8),
      [
        'field v1, 2.0 KiB, by work[0] and 2 more, 1 m ago',
        'made by python work.py (process 7 on h)',
        '',
        'Made of',
        '├─ in/0 v1, 2.0 KiB, 1 m ago',
        '├─ in/1 v1, 2.0 KiB, 1 m ago',
        '├─ in/2 v1, 2.0 KiB, 1 m ago',
        '└─ its makers had used before: mask',
      ],
    );
    assert.deepEqual(new Family(told).makersOf(0).length, 3);
  }
  const { boxes, arrows } = drawingOf(lineage);
  assert.equal(boxes[0]?.detail, 'v1 · 2.0 KiB · work[0] and 2 more');
  assert.equal(arrows.length, 4);
  // What was used after the part is not what it was made of.
  const late = lineage.edges.filter((edge) => !(edge.kind === 'used' && edge.activity === 1));
  assert.deepEqual(new Family({ ...lineage, edges: late }).usedBefore(0), []);
});

test('a tree: what comes again is referred to; rings end; what lacks is told', () => {
  const nodes = ['a', 'b', 'c', 'd\n\u001b[31m'].map((name) => node(name, { activity: null }));
  const ring: LineageEdge = { kind: 'declared', relation: 'depends-on', from: 3, to: 0 };
  const edges = [derived(0, 1), derived(0, 2), derived(1, 3), derived(2, 3), ring];
  const notes = { truncated: true, deeper: true, forgotten: true };
  const lineage = lineageWith(nodes, edges, notes);
  const text = lineageText(lineage, { sides: both, now: NOW.getTime(), style: plain });
  assert.deepEqual(text.split('\n').slice(2, 8), [
    'Made of',
    '├─ c v1, 2.0 KiB, 1 m ago',
    '│  └─ d\\n\\u001b[31m v1, 2.0 KiB, 1 m ago',
    '│     └─ (depends on) a v1, see above',
    '└─ b v1, 2.0 KiB, 1 m ago',
    '   └─ d\\n\\u001b[31m v1, see above',
  ]);
  assert.match(text, /\nMade into\n└─ \(depends on it\) d/u);
  assert.match(text, /--depth N .*\n.*nearest is shown\.\n.*not remember/u);
});

test('one side alone has what is behind it, and its uses', () => {
  const up = oneSide(LOOP, 'sources');
  assert.deepEqual(
    up.nodes.map(({ name }) => name),
    ['out/3', 'in/3', 'raw', 'in/2', 'in/1'],
  );
  assert.deepEqual(new Family(up).usedBefore(0).length, 2);
  const down = oneSide(LOOP, 'made');
  assert.deepEqual(
    down.nodes.map(({ name }) => name),
    ['out/3', 'map'],
  );
  assert.deepEqual(down.edges, [derived(1, 0), used(0, 4)]);
});

/** Boxes, and arrows among them, rings included. */
const graphs = fc.integer({ min: 1, max: 30 }).chain((count) =>
  fc.tuple(
    fc.array(fc.record({ width: fc.integer({ min: 20, max: 300 }), height: fc.constant(44) }), {
      minLength: count,
      maxLength: count,
    }),
    fc.uniqueArray(fc.record({ from: fc.nat(count - 1), to: fc.nat(count - 1) }), {
      maxLength: 60,
      selector: ({ from, to }) => `${from} ${to}`,
    }),
  ),
);

test('a layout: no box on another, and arrows from left to right but where there is a ring', () => {
  fc.assert(
    fc.property(graphs, ([sizes, edges]) => {
      const { boxes, arrows, width, height } = layout(sizes, edges, GAPS);
      const rects = boxes.map(({ x, y }, box) => ({ x, y, ...sizes[box] }));
      for (const { x, y, width: w = 0, height: h = 0 } of rects) {
        assert.ok(x >= 0 && x + w <= width + 1e-6 && y >= -1e-6 && y + h <= height + 1e-6);
      }
      for (const [index, one] of rects.entries()) {
        for (const other of rects.slice(index + 1)) {
          const isBeside =
            one.x + (one.width ?? 0) <= other.x ||
            other.x + (other.width ?? 0) <= one.x ||
            Math.abs(one.y - other.y) >= 44 + GAPS.along - 1e-6;
          assert.ok(isBeside, JSON.stringify([one, other]));
        }
      }
      assert.equal(arrows.length, edges.length);
      // Without the arrows that lead back there is no ring left.
      const forward = edges.filter((_, index) => {
        const [start, end] = [arrows[index]?.[0], arrows[index]?.at(-1)];
        return start !== undefined && end !== undefined && start.x < end.x;
      });
      const isDag = edges.every(({ from, to }) => from < to);
      if (isDag) assert.equal(forward.length, edges.length);
    }),
  );
});

test('a layout of nothing, of a chain of a thousand, and of a thousand beside each other', () => {
  assert.deepEqual(layout([], [], GAPS), { boxes: [], arrows: [], width: 0, height: 0 });
  const sizes = Array.from({ length: 1_000 }, () => ({ width: 100, height: 44 }));
  const chain = sizes.slice(1).map((_, index) => ({ from: index, to: index + 1 }));
  const { boxes, height } = layout(sizes, chain, GAPS);
  assert.equal(height, 44);
  assert.equal(boxes[999]?.x, 999 * 170);
  const fan = sizes.slice(1).map((_, index) => ({ from: 0, to: index + 1 }));
  assert.equal(layout(sizes, fan, GAPS).width, 270);
});

/** The elements of a document that is well formed; nothing more is looked at. */
function elementsOf(xml: string): string[] {
  const open: string[] = [];
  const names: string[] = [];
  const tags = /<(\/?)([a-zA-Z]+)((?:\s+[a-zA-Z:-]+="[^"<]*")*)\s*(\/?)>|([^<]+)/gu;
  let end = 0;
  for (const match of xml.matchAll(tags)) {
    assert.equal(match.index, end, `what stands at ${end}: ${xml.slice(end, end + 40)}`);
    end += match[0].length;
    const [, closes, name = '', attributes = '', isEmpty, text = ''] = match;
    assert.doesNotMatch(`${attributes}${text}`, /&(?!amp;|lt;|gt;|quot;)/u);
    if (name === '') continue;
    if (closes === '/') assert.equal(open.pop(), name);
    else {
      names.push(name);
      if (isEmpty !== '/') open.push(name);
    }
  }
  assert.equal(end, xml.length);
  assert.deepEqual(open, []);
  return names;
}

test('a drawing is well-formed SVG that needs nothing else, whatever names are', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (name) => {
      const lineage = lineageWith(
        [node(name), node('<a href="x">&'), node('b')],
        [derived(0, 1), { kind: 'declared', relation: 'part-of', from: 0, to: 2 }],
      );
      const svg = lineageSvg(lineage);
      const elements = elementsOf(svg);
      assert.equal(elements.filter((each) => each === 'rect').length, 1 + 3);
      assert.equal(elements.filter((each) => each === 'path').length, 3 + 2);
      assert.doesNotMatch(svg.replace('http://www.w3.org/2000/svg', ''), /https?:|<script|<image/u);
      assert.match(lineageDot(lineage), /^digraph lineage \{\n(?: {2}.*;\n)+\}$/u);
    }),
  );
});

test('a drawing has what hangs together, and of what was used before no more than it can show', () => {
  const { boxes, arrows } = drawingOf(LOOP);
  assert.deepEqual(
    boxes.map(({ title }) => title),
    ['out/3', 'in/3', 'raw', 'map', 'in/1', 'in/2'],
  );
  assert.deepEqual(
    arrows.filter(({ kind }) => kind === 'used').map(({ from, to }) => [from, to]),
    [
      [4, 0],
      [5, 0],
    ],
  );
  const many = Array.from({ length: 50 }, (_, index) => node(`in/${index}`, { activity: null }));
  const uses = many.map((_, index) => used(index + 1, index + 1));
  const busy = lineageWith([node('out', { place: 50 }), ...many], uses.toReversed());
  const { boxes: shown } = drawingOf(busy);
  assert.deepEqual(
    [shown.length, shown.at(-1)?.title, shown.at(-1)?.detail],
    [7, '45 more', 'that work[0] had used before'],
  );
});
