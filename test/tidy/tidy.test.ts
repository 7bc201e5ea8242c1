// What no linter checks. Each check says how to mend what it finds.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { longFunctions } from './functions.js';
import { deadExports, importedPaths } from './imports.js';
import { LAYERS, PURE } from './layers.js';
import { folderOf, layerOf, PROGRAMS, ROOT, SOURCES, type Source } from './sources.js';

const COLUMNS_MAX = 100;
const FUNCTION_LINES_MAX = 70;
const FILE_LINES_MAX = 500;

/** Biome breaks code, and nothing is to break texts: titles of tests, what commands print. */
const COMMENT = /^\s*(?:\/\/|\/?\*)|\s\/\/ /u;

/** Where programs begin: nobody imports them. */
const ENTRIES = [
  'src/apps/index.ts',
  'src/cli/launcher.ts',
  'src/cli/main.ts',
  'src/client/index.ts',
  'src/client/transform-thread.ts',
  'src/files/index.ts',
  'src/formats/hdf5/thread.ts',
  'src/levels/store/public.ts',
  'src/server/agent-thread.ts',
  'src/server/measure-thread.ts',
  'src/server/snapshot-thread.ts',
  'src/server/index.ts',
  'src/testing/index.ts',
];

function mustBeNone(found: readonly string[], advice: string): void {
  assert.equal(found.length, 0, `${advice}\n  ${found.join('\n  ')}\n`);
}

/** Each line of a source that a pattern finds, as `path:line: line`. */
function linesWith(source: Source, pattern: RegExp, text: string = source.code): string[] {
  return text
    .split('\n')
    .map((line, index) => (pattern.test(line) ? index : -1))
    .filter((index) => index >= 0)
    .map((index) => `${source.path}:${index + 1}: ${source.lines[index]?.trim()}`);
}

/** ECMAScript says of these, and of no other function of Math, what they return to the last bit. */
const MATH = 'abs|ceil|clz32|floor|fround|imul|max|min|round|sign|sqrt|trunc';
const IMPURE = [
  /\bDate\b|\bperformance\b/u,
  /\bIntl\b|\.toLocale\w*|\.localeCompare\b/u,
  new RegExp(`\\bMath\\.(?!(?:${MATH})\\b)`, 'u'),
  // Of constants, which are whole powers of two, it is exact.
  /(?<!\b2n? )\*\*/u,
  /\bWeakRef\b|\bFinalizationRegistry\b/u,
];

test('pure layers see no clock, no chance, no locale, and no number that machines disagree on', () => {
  const pure = SOURCES.filter(
    ({ path }) => path.startsWith('src/') && PURE.includes(layerOf(path)),
  );
  const found = pure.flatMap((source) => IMPURE.flatMap((pattern) => linesWith(source, pattern)));
  mustBeNone(
    found,
    'A replay must give the same, bit for bit, on every machine. Let the shell pass time and chance ' +
      `in as an input; of Math use ${MATH.replaceAll('|', ', ')}.`,
  );
});

test('no notes to ourselves are left', () => {
  const found = PROGRAMS.flatMap((source) =>
    linesWith(source, /\b(?:TODO|FIXME|XXX|HACK)\b/u, source.text),
  );
  mustBeNone(found, 'Do it now, or write what is missing down in docs/internals/architecture.md.');
});

test(`no comment has more than ${COLUMNS_MAX} columns`, () => {
  const found = SOURCES.flatMap(({ path, lines }) =>
    lines
      .map((line, index) => ({ at: `${path}:${index + 1}`, line, columns: [...line].length }))
      .filter(({ line, columns }) => columns > COLUMNS_MAX && COMMENT.test(line))
      .map(({ at, columns }) => `${at}: ${columns} columns`),
  );
  mustBeNone(found, 'Break it.');
});

test(`functions have at most ${FUNCTION_LINES_MAX} lines, or say why not`, () => {
  const found: string[] = [];
  for (const source of SOURCES) {
    for (const { line, lines } of longFunctions(source, FUNCTION_LINES_MAX)) {
      const before = source.lines.slice(Math.max(0, line - 12), line).join('\n');
      if (!before.includes('In one piece:')) found.push(`${source.path}:${line}: ${lines} lines`);
    }
  }
  mustBeNone(
    found,
    'Split it, or give the reason above it in a comment that begins with "In one piece:".',
  );
});

test(`files have at most ${FILE_LINES_MAX} lines, or say why not`, () => {
  const found = [...SOURCES, ...PROGRAMS]
    .filter(({ lines }) => lines.length > FILE_LINES_MAX + 1)
    .filter(({ lines }) => !/\bone file\b/iu.test(lines.slice(0, 40).join('\n')))
    .map(({ path, lines }) => `${path}: ${lines.length} lines`);
  mustBeNone([...new Set(found)], 'Split it by ideas, or let its header say why it is one file.');
});

/** Tests that may let time pass, and why nothing else would do. */
const SLEEPERS: { readonly [path: string]: string } = {
  'test/bench/crew.test.ts': 'the end of a process that is not our child is told by nobody',
};

test('tests do not sleep', () => {
  const pattern =
    /\bsetTimeout as \w+|new Promise[^;]*=>\s*(?:void )?setTimeout\(|\bawait sleep\(/u;
  const found = SOURCES.filter(({ path }) => path.startsWith('test/') && !(path in SLEEPERS))
    // Its own patterns.
    .filter(({ path }) => !path.startsWith('test/tidy/'))
    .flatMap((source) => linesWith(source, pattern));
  mustBeNone(
    found,
    'Wait for what is to happen (a message, an answer, a line of output), or mock the timers; else ' +
      'name the test in SLEEPERS with its reason.',
  );
});

test('what is exported is imported somewhere', () => {
  mustBeNone(
    deadExports(ENTRIES),
    'Delete it, or do not export it when only its own file uses it.',
  );
});

test('every file of src is imported, or begins a program', () => {
  const imported = new Set(SOURCES.flatMap((source) => [...importedPaths(source)]));
  const found = SOURCES.map(({ path }) => path).filter(
    (path) => path.startsWith('src/') && !ENTRIES.includes(path) && !imported.has(path),
  );
  mustBeNone(found, 'Delete it; when a program begins there, name it in ENTRIES.');
  const gone = ENTRIES.filter((path) => !SOURCES.some((source) => source.path === path));
  mustBeNone(gone, 'ENTRIES names what is not there.');
});

/** The layers that the files of a layer really import, as a sorted list. */
function importedBy(layer: string): string[] {
  const found = new Set<string>();
  for (const source of SOURCES.filter(({ path }) => layerOf(path) === layer)) {
    for (const path of importedPaths(source)) found.add(layerOf(path));
  }
  found.delete(layer);
  return [...found].sort();
}

/** The layers that a tsconfig names. */
function referencedBy(layer: string): string[] {
  const text = readFileSync(join(ROOT, folderOf(layer), 'tsconfig.json'), 'utf8');
  const { references }: { references: { path: string }[] } = JSON.parse(text);
  return references.map(({ path }) => path.replace(/^.*\//u, '')).sort();
}

test('layers import what the table says, and their tsconfig names just that', () => {
  const layers = new Set(SOURCES.map(({ path }) => layerOf(path)));
  assert.deepEqual([...layers].sort(), Object.keys(LAYERS).sort(), 'the table has every layer');
  const found = Object.entries(LAYERS).flatMap(([layer, allowed]) => {
    const says = [...allowed].sort().join(', ');
    const imports = importedBy(layer).join(', ');
    const references = referencedBy(layer).join(', ');
    return [
      ...(imports === says ? [] : [`${layer} imports ${imports}; the table says ${says}`]),
      ...(references === says ? [] : [`${layer} references ${references}; the table says ${says}`]),
    ];
  });
  mustBeNone(
    found,
    'Mend the import; or change test/tidy/layers.ts, the references in the tsconfig.json of the ' +
      'layer and the drawing in docs/internals/architecture.md together.',
  );
});

test('the table of the architecture page is the one that holds', () => {
  const page = readFileSync(join(ROOT, 'docs/internals/architecture.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `(\w+)` \| ([\w, ]*?) ?\|/gmu)];
  const told = Object.fromEntries(
    rows.map(([, layer = '', imports = '']) => [layer, imports.split(', ').filter(Boolean)]),
  );
  const layers = Object.entries(LAYERS).filter(([layer]) => folderOf(layer).startsWith('src/'));
  const mend = 'mend the table in docs/internals/architecture.md';
  assert.deepEqual(told, Object.fromEntries(layers), mend);
});

test('every test that the architecture page names is there', () => {
  const page = readFileSync(join(ROOT, 'docs/internals/architecture.md'), 'utf8');
  const named = [...page.matchAll(/`(test\/[\w-]+\/[\w-]+)`/gu)].map((match) => match[1] ?? '');
  const missing = named.filter((path) => !existsSync(join(ROOT, `${path}.test.ts`)));
  mustBeNone(missing, 'Mend the name in docs/internals/architecture.md.');
});

test('layers point one way', () => {
  const names = Object.keys(LAYERS);
  for (const [layer, allowed] of Object.entries(LAYERS)) {
    for (const below of allowed) {
      assert.ok(names.indexOf(below) < names.indexOf(layer), `${layer} stands above ${below}`);
    }
  }
});
