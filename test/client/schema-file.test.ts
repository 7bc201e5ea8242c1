import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { AttaccaError, loadSchema, parseSchema, Schemas } from '../../src/client/index.js';
import { readSchema, SHIPPED_SCHEMAS } from '../../src/client/schema-file.js';
import { LIMITS } from '../../src/core/limits.js';
import { Float, type Value } from '../../src/core/value.js';
import { fc } from '../fast-check.js';

const ROOT = join(import.meta.dirname, '../../..');

const MAESTRO = `# As Maestro has it.
schema-name: "My schema"
schema-version: 1
schema-namespace: ".maestro.my-namespace."
maestro-attributes:
  - key: "step"
    type: int(min=0)
    required: True
    documentation: Hours since the start
  - key: "when"
    type: timestamp()
    default: 2026-01-31
  - key: "big"
    type: uint()
    default: 18446744073709551615
  - key: "levels"
    type: list(num(), max=5)
    default: [850, 0.5, 2.0]
`;

async function refusalOf(text: string): Promise<AttaccaError> {
  try {
    await readSchema(text, 'f.yaml');
  } catch (error) {
    assert.ok(error instanceof AttaccaError, String(error));
    assert.equal(error.code, 'bad-schema', error.message);
    assert.equal(error.fields['file'], 'f.yaml');
    return error;
  }
  return assert.fail('it is read');
}

test("a file of Maestro's is read: dates stay texts, integers exact", async () => {
  const schema = await readSchema(MAESTRO, 'f.yaml');
  const list = schema.document['maestro-attributes'];
  assert.ok(Array.isArray(list));
  const defaults = list.map((each) => each['default']);
  assert.deepEqual(defaults, [undefined, '2026-01-31', 2n ** 64n - 1n, [850, 0.5, new Float(2)]]);
  assert.equal(schema.attributes[0]?.required, true);
  assert.deepEqual(parseSchema(schema.document).attributes, schema.attributes);
});

test('what is wrong is told with line and column', async () => {
  const wrong: readonly (readonly [text: string, line: number, column: number, why: RegExp])[] = [
    [MAESTRO.replace('int(min=0)', 'int(min=x)'), 7, 11, /maestro-attributes\[0\]\.type/],
    [
      MAESTRO.replace('key: "when"', 'kye: "when"'),
      10,
      10,
      /"kye" is nothing .*Did you mean "key"/,
    ],
    [MAESTRO.replace('schema-version: 1', ''), 2, 1, /schema-version/],
    [MAESTRO.replace('default: 2026-01-31', 'default: soon'), 12, 14, /"soon" is no timestamp/],
    [MAESTRO.replace('18446744073709551615', '18446744073709551616'), 15, 14, /64 bits/],
    ['a: [', 1, 5, /\]/],
    ['{a: 1, a: 2}', 1, 8, /"a" stands here twice/],
    ['a: *b', 1, 4, /no "&b" before/],
    ['a: !!x 5', 1, 4, /tag/],
    ['a: 1\n---\nb: 2', 2, 1, /second document/],
    ['? [a]\n: b', 1, 3, /a key is a text/],
    ['schema-name: &n x\nschema-version: *n', 2, 17, /schema-version/],
  ];
  for (const [text, line, column, why] of wrong) {
    const { fields, message } = await refusalOf(text);
    assert.match(message, why);
    assert.deepEqual([fields['line'], fields['column']], [line, column], message);
  }
});

test('a file that asks for too much is refused', async () => {
  const laughs = Array.from({ length: 9 }, (_, index) => {
    const before = index === 0 ? 'x' : `*a${index - 1}`;
    return `k${index}: &a${index} [${Array.from({ length: 9 }, () => before).join(', ')}]`;
  });
  assert.match((await refusalOf(laughs.join('\n'))).message, /more than .* (values|deep)/);
  const wide = `a: &a [${'x, '.repeat(9_000)}]\nb: [${'*a, '.repeat(9)}]`;
  assert.match((await refusalOf(wide)).message, /more than 65536 values/);
  assert.match((await refusalOf(`${'['.repeat(12)}1${']'.repeat(12)}`)).message, /11 deep/);
  assert.match((await refusalOf('['.repeat(50_000))).message, /line 1/);
  assert.match((await refusalOf('a: &a [*a]')).message, /deep/);
});

test('any text is read, or refused', async () => {
  const piece = fc.constantFrom(
    ...[
      'schema-name: x\n',
      'a: ',
      '- ',
      '[',
      ']',
      '{',
      '}',
      '&a ',
      '*a',
      '"',
      "'",
      ': ',
      '\n',
      '  ',
    ],
    ...[
      '!!binary ',
      '!!set ',
      '!!timestamp 2026-01-31',
      '5',
      '0x1f',
      '.inf',
      '|\n',
      '%YAML 1.1\n---\n',
    ],
  );
  const anyText = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));
  await fc.assert(
    fc.asyncProperty(anyText, async (text) => {
      await refusalOf(text);
    }),
  );
});

async function fileOf(t: TestContext, bytes: string | Uint8Array): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'attacca-schema-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, 'schema.yaml');
  await writeFile(path, bytes);
  return path;
}

test('a file is read by its path; what is no such file is refused', async (t) => {
  assert.equal((await loadSchema(await fileOf(t, MAESTRO))).name, 'My schema');
  const large = await fileOf(t, `#${'x'.repeat(LIMITS.schemaFileBytesMax)}\n${MAESTRO}`);
  await assert.rejects(loadSchema(large), { code: 'bad-schema', message: /262144 bytes/ });
  await assert.rejects(loadSchema('/dev/zero'), { code: 'bad-schema', message: /262144 bytes/ });
  const latin = await fileOf(t, Uint8Array.from([0x61, 0x3a, 0xe4]));
  await assert.rejects(loadSchema(latin), { code: 'bad-schema', message: /UTF-8/ });
  await assert.rejects(loadSchema('/no/such/file'), (error) => {
    assert.ok(error instanceof AttaccaError && error.code === 'file-error');
    assert.deepEqual(error.fields, { path: '/no/such/file', system: 'ENOENT' });
    return true;
  });
  await assert.rejects(loadSchema('/'), { code: 'file-error' });
});

test('the schemas that come with the package are those of its folder, and agree', async () => {
  const files = (await readdir(join(ROOT, 'schemas'))).sort();
  assert.deepEqual(
    files,
    SHIPPED_SCHEMAS.map((name) => `${name}.yaml`),
  );
  const { files: packed } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
  assert.ok(packed.includes('schemas'));
  const schemas = new Schemas(await Promise.all(SHIPPED_SCHEMAS.map((name) => loadSchema(name))));
  for (const schema of schemas.inForce()) {
    assert.ok((SHIPPED_SCHEMAS as readonly string[]).includes(schema.name));
    for (const { key, documentation } of schema.attributes) {
      assert.ok(documentation.length > 3, `${schema.name}: ${key} is documented`);
    }
  }
});

/** One request each, as MARS users write them, and what it is by the schema. */
const MARS: readonly (readonly [key: string, value: Value, isRight: boolean])[] = [
  ...(['od', 'rd', 'ea', 'e4'] as const).map((value) => ['class', value, true] as const),
  ['class', 'OD', false],
  ['expver', '0001', true],
  ['expver', 1, false],
  ['time', '0600', true],
  ['time', 1200, true],
  ['time', 2400, false],
  ['step', '240', true],
  ['step', '0-24', false],
  ['stepRange', '0-24', true],
  ['levtype', 'pl', true],
  ['levtype', 'pressure', false],
  ['levelist', 0.5, true],
  ['param', '130', true],
  ['param', '130.128', false],
  ['grid', 'O1280', true],
  ['grid', '0.25/0.25', true],
  ['grid', 'x', false],
  ['area', '75/-20.5/10/60', true],
  ['area', '75/-20/10', false],
  ['rotation', '-90/0', true],
  ['domain', 'g', true],
  ['stattype', 'moav_daav', true],
  ['truncation', 'auto', true],
  ['quantile', '1:10', true],
];

test("MARS's keys", async () => {
  const mars = new Schemas([await loadSchema('ecmwf-mars')]);
  for (const [key, value, isRight] of MARS) {
    const { problems } = mars.check({ [key]: value });
    assert.equal(problems.length === 0, isRight, `${key}=${String(value)}`);
  }
});

test("MARS's keys as Maestro's programs have them, and their names", async () => {
  const namespace = '.maestro.ecmwf.';
  const maestro = await loadSchema('ecmwf-mars', { namespace, name: 'maestro' });
  const both = new Schemas([await loadSchema('ecmwf-mars'), maestro]);
  const attributes = both.coerce({
    '.maestro.ecmwf.class': 'od',
    '.maestro.ecmwf.date': '20260131',
    '.maestro.ecmwf.step': '6',
  });
  assert.equal(attributes['.maestro.ecmwf.step'], 6);
  const name = maestro.naming?.nameOf(attributes);
  assert.equal(name, 'class:od,date:20260131,step:6');
  assert.deepEqual({ ...maestro.naming?.attributesOf(name ?? '') }, { ...attributes });
});

test('the parser of YAML is loaded by who reads a file, and nobody else', () => {
  const client = join(ROOT, 'dist/src/client/index.js');
  const script = `
    const { loadSchema } = await import(${JSON.stringify(client)});
    const { createRequire } = await import('node:module');
    const { cache } = createRequire(${JSON.stringify(client)});
    const loaded = () => Object.keys(cache).some((path) => path.includes('/node_modules/yaml/'));
    const before = loaded();
    await loadSchema('core');
    console.log(before, loaded());`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script]);
  assert.equal(stdout.toString(), 'false true\n', stderr.toString());
});
