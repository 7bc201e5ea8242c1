import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { attacca, filesOf, jsonLines } from './command.js';

test('the schemas that come with Attacca are listed and shown', async () => {
  const [listed, lines, shown, json] = await Promise.all([
    attacca(['schema', 'list']),
    attacca(['schema', 'list', '--json']),
    attacca(['schema', 'show', 'ecmwf-mars']),
    attacca(['schema', 'show', 'core', '--json']),
  ]);
  assert.match(listed.out, /^NAME +VERSION +KEYS +MEANING\ncore +1 .*\necmwf-mars +1 /u);
  assert.deepEqual(
    jsonLines(lines.out).map(({ name }) => name),
    ['core', 'ecmwf-mars'],
  );
  assert.match(shown.out, /^ecmwf-mars 1, \d+ keys\n.*\nnames: \{\*\}\nunknown keys: keep\n\nKEY/u);
  assert.match(shown.out, /^step +int\(min=0\) +- +h +Hours from/mu);
  const [core] = jsonLines(json.out);
  assert.ok(Array.isArray(core?.['attributes']) && core['attributes'].length === core['keys']);
});

test('attributes are checked: as the schema has them, with their name', async () => {
  const attributes = ['-a', 'class=od', '--attr', 'date=20260131', '-a', 'time=0600', '-a', 'x=1'];
  const [text, json, maestro] = await Promise.all([
    attacca(['schema', 'check', 'ecmwf-mars', ...attributes]),
    attacca(['schema', 'check', 'ecmwf-mars', '--json', ...attributes]),
    attacca([
      ...['schema', 'check', 'ecmwf-mars', '--namespace', '.maestro.ecmwf.', '--json'],
      ...['-a', '.maestro.ecmwf.step:str=6'],
    ]),
  ]);
  assert.deepEqual([text.code, text.err], [0, '"x" is not a key of "ecmwf-mars"\n']);
  assert.equal(
    text.out,
    'class=od\ndate=2026-01-31T00:00:00Z\ntime=600\nx=1\nname: class:od,date:20260131,time:600\n',
  );
  assert.deepEqual(jsonLines(json.out), [
    {
      attributes: { class: 'od', date: '2026-01-31T00:00:00Z', time: 600, x: 1 },
      name: 'class:od,date:20260131,time:600',
      unknown: [{ key: 'x', meant: null }],
    },
  ]);
  assert.deepEqual(jsonLines(maestro.out), [
    { attributes: { '.maestro.ecmwf.step': 6 }, name: 'step:6', unknown: [] },
  ]);
});

test('keys that a schema does not define are told, with what was likely meant', async () => {
  const check = (...args: readonly string[]) =>
    attacca(['schema', 'check', 'ecmwf-mars', '-a', 'class=od', ...args]);
  const [mistyped, quiet, json, outside] = await Promise.all([
    check('-a', 'stpe=6', '-a', '.container=run'),
    check('-a', 'stpe=6', '-q'),
    check('-a', 'stpe=6', '--json'),
    check('-a', '.m.stpe=6', '-a', 'step=6', '--namespace', '.m.'),
  ]);
  assert.deepEqual(
    [mistyped.code, mistyped.err],
    [0, '"stpe" is not a key of "ecmwf-mars"; did you mean "step"?\n'],
  );
  assert.deepEqual([quiet.code, quiet.err], [0, '']);
  assert.deepEqual(jsonLines(json.out)[0]?.['unknown'], [{ key: 'stpe', meant: 'step' }]);
  assert.deepEqual(outside.err.match(/(?<=did you mean ")[\w.]+/gu), [
    '.m.class',
    '.m.step',
    '.m.step',
  ]);
});

test('all that is wrong is told, and the exit code is 1', async () => {
  const wrong = ['-a', 'step=soon', '-a', 'levtype=plx', '-a', 'class=od'];
  const [text, json] = await Promise.all([
    attacca(['schema', 'check', 'ecmwf-mars', ...wrong]),
    attacca(['schema', 'check', 'ecmwf-mars', '--json', ...wrong]),
  ]);
  assert.deepEqual([text.code, text.out, json.code, json.out], [1, '', 1, '']);
  assert.match(text.err, /"step" is "soon", and "ecmwf-mars" has it as int\(min=0\) \(schema-mis/u);
  assert.equal(text.err.split('\n').length, 3);
  const errors = jsonLines(json.err).map(({ error }) => error as { fields: { key: string } });
  assert.deepEqual(
    errors.map(({ fields }) => fields.key),
    ['step', 'levtype'],
  );
});

test('a file is checked: well formed, or where it is not', async (t) => {
  const directory = await filesOf(t);
  const file = join(directory, 'fields.yaml');
  const head = 'schema-name: fields\nschema-version: 2\nattributes:\n  - key: step\n    type: ';
  await writeFile(file, `${head}int()\n`);
  const good = await attacca(['schema', 'check', file]);
  assert.deepEqual([good.code, good.out], [0, 'fields 2, 1 key: well formed\n']);
  assert.equal((await attacca(['schema', 'check', '-q', file])).out, '');
  await writeFile(file, `${head}itn()\n`);
  const bad = await attacca(['schema', 'check', file]);
  assert.equal(bad.code, 1);
  assert.match(
    bad.err,
    /at attributes\[0\]\.type: .*Did you mean "int"\? \(.*line 5, column 11\)/u,
  );
  await writeFile(file, `${head.replace('step', '.state')}int()\n`);
  const reserved = await attacca(['schema', 'check', file]);
  assert.equal(reserved.code, 1);
  assert.match(reserved.err, /".state" is the pool's own, and no attribute \(bad-schema\)\n$/u);
  const absent = await attacca(['schema', 'show', join(directory, 'no.yaml'), '--json']);
  assert.equal(absent.code, 1);
  const [error] = jsonLines(absent.err).map((line) => line['error'] as { code: string });
  assert.equal(error?.code, 'file-error');
});
