// The rules of the other tests here, for the client in Python.
import assert from 'node:assert/strict';
import { basename } from 'node:path';
import { test } from 'node:test';
import { PROGRAMS } from './sources.js';

const COLUMNS_MAX = 100;
const FUNCTION_LINES_MAX = 70;
const CLIENT = 'clients/python/attacca/';

const FILES = PROGRAMS.filter(({ path }) => /^clients\/.*\.py$/u.test(path));
const MODULES = FILES.filter(({ path }) => path.startsWith(CLIENT));

const nameOf = (path: string): string => basename(path, '.py');

/** The modules of the client as its own page lists them: each stands on those before it. */
function listed(): string[] {
  const page = MODULES.find(({ path }) => nameOf(path) === '__init__')?.text ?? '';
  const list = /in this list, but for types\.\n\n(.*?)"""/su.exec(page)?.[1] ?? '';
  return list
    .split('\n')
    .flatMap((line) => line.replace(/^ {4}(\S.*?) {2,}.*$/u, '$1').split(','))
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

/** Modules that a module imports when it is loaded: not those that it names for types alone. */
function importsOf(text: string): string[] {
  const lines = text.split('\n');
  return lines.flatMap((line) => /^from \.(\w+) import /u.exec(line)?.[1] ?? []);
}

/** Functions with more lines than so many: from their first line to the last that is indented. */
function longFunctions(lines: readonly string[]): string[] {
  const found: string[] = [];
  for (const [at, line] of lines.entries()) {
    const indent = /^( *)(?:async )?def /u.exec(line)?.[1]?.length;
    if (indent === undefined) continue;
    let end = at;
    for (let next = at + 1; next < lines.length; next++) {
      const text = lines[next] ?? '';
      if (text.trim() === '' || text.trim().startsWith(')')) continue;
      if (text.search(/\S/u) <= indent) break;
      end = next;
    }
    const count = end - at + 1;
    if (count > FUNCTION_LINES_MAX) found.push(`${at + 1}: ${count} lines`);
  }
  return found;
}

test('the modules of the client in Python import one way, as its page lists them', () => {
  const order = listed();
  const names = MODULES.map(({ path }) => nameOf(path)).filter((name) => name !== '__init__');
  assert.deepEqual([...order].sort(), [...names].sort(), 'attacca/__init__.py lists all modules');
  const wrong = MODULES.filter(({ path }) => nameOf(path) !== '__init__').flatMap((module) => {
    const own = order.indexOf(nameOf(module.path));
    return importsOf(module.text)
      .filter((name) => order.indexOf(name) >= own)
      .map((name) => `${module.path} imports ${name}`);
  });
  assert.deepEqual(wrong, [], 'move what is shared down, or import it for types alone');
});

test(`no line of the client in Python has more than ${COLUMNS_MAX} columns`, () => {
  const found = FILES.flatMap(({ path, lines }) =>
    lines.flatMap((line, at) => ([...line].length > COLUMNS_MAX ? [`${path}:${at + 1}`] : [])),
  );
  assert.deepEqual(found, []);
});

test(`functions of the client in Python have at most ${FUNCTION_LINES_MAX} lines`, () => {
  const found = MODULES.flatMap(({ path, lines }) =>
    longFunctions(lines).map((told) => `${path}:${told}`),
  );
  assert.deepEqual(found, [], 'split them');
});
