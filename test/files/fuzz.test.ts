// Files whose headers are cut, or say anything: each is imported, or refused by a name.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Pool } from '../../src/client/pool.js';
import { AttaccaError } from '../../src/core/errors.js';
import { importFile } from '../../src/files/import.js';
import { joinApart, servePool } from '../client/support/pools.js';
import { fc } from '../fast-check.js';

const GRIBS = ['grids.grib2', 'places.grib'].map((name) =>
  readFileSync(fileURLToPath(new URL(`../../../test/formats/grib/${name}`, import.meta.url))),
);
const MiB = 1024 * 1024;
/** What a file of some kilobytes may take: a window of a scan, and what waits to be freed. */
const GROWTH_BYTES_MAX = 64 * MiB;

const REFUSALS = {
  npy: ['not-a-npy-file', 'bad-space', 'too-large', 'size-mismatch'],
  grib: ['not-a-grib-file', 'unknown-format', 'too-large'],
};

async function outcomeOf(pool: Pool, path: string, format: 'npy' | 'grib'): Promise<string> {
  const before = process.memoryUsage().external;
  let outcome = 'imported';
  try {
    await importFile(pool, path, { format, name: 'fuzz', replace: true });
  } catch (error) {
    assert.ok(error instanceof AttaccaError, String(error));
    assert.ok(REFUSALS[format].includes(error.code), `${error.code}: ${error.message}`);
    outcome = error.code;
  }
  const grown = process.memoryUsage().external - before;
  assert.ok(grown < GROWTH_BYTES_MAX, `${grown} bytes for a file that is small: ${outcome}`);
  return outcome;
}

/** Each of the files that fast-check makes; returns what came of how many. */
async function all(
  t: TestContext,
  format: 'npy' | 'grib',
  files: fc.Arbitrary<Uint8Array>,
): Promise<ReadonlySet<string>> {
  const folder = mkdtempSync(join(tmpdir(), 'attacca-fuzz-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const server = await servePool(t, { memoryBytes: 16 * MiB });
  await using pool = await joinApart(server, 'files');
  // Maps the memory of the pool.
  await pool.put('first', new Uint8Array(MiB));
  const path = join(folder, `fuzz.${format}`);
  const outcomes = new Set<string>();
  await fc.assert(
    fc.asyncProperty(files, async (bytes) => {
      writeFileSync(path, bytes);
      outcomes.add(await outcomeOf(pool, path, format));
    }),
    { numRuns: format === 'npy' ? 300 : 100 },
  );
  return outcomes;
}

function npy(text: string, length: number, version: number, data: number): Buffer {
  const wide = version > 1;
  const head = Buffer.alloc(wide ? 12 : 10);
  head.write('\x93NUMPY', 'latin1');
  head[6] = version;
  if (wide) head.writeUInt32LE(length % 2 ** 32, 8);
  else head.writeUInt16LE(length % 2 ** 16, 8);
  return Buffer.concat([head, Buffer.from(text, 'latin1'), Buffer.alloc(data)]);
}

const number = fc.oneof(
  fc.constantFrom('0', '1', '2', '3', '-1', '1e9', '4294967296', '9007199254740991'),
  fc.constantFrom('9007199254740992', '18446744073709551616', '1'.repeat(400), '0x10', '3L', ''),
);
const shape = fc.oneof(
  fc.array(number, { maxLength: 20 }).map((each) => `(${each.join(',')},)`),
  fc.constantFrom('()', '(2,)', '(2,3)', '2', '[2]', `${'('.repeat(50_000)}`, 'None'),
);
const nested = (depth: number): string => `${"[('a',".repeat(depth)}'<f4'${')]'.repeat(depth)}`;
const descr = fc.oneof(
  fc.constantFrom("'<f4'", "'>i8'", "'|b1'", "'|S5'", "'<U3'", "'O'", "'|S0'", "'|V0'", "''"),
  fc.constantFrom("'|S99999999999999999999'", "'<f999'", "'|S65537'", '[]', '{}', 'None', "['a']"),
  fc.constantFrom(1, 4, 5, 100, 10_000).map(nested),
  fc.constantFrom("[('a','<f4'),('a','<f4')]", "[('','<f4')]", "[('a','<f4',(3,))]"),
  fc.constantFrom("[('a','<f4',(9007199254740991,))]", "[('a','|S65000'),('b','|S65000')]"),
);
const header = fc
  .record({ descr, shape, order: fc.constantFrom('True', 'False', 'None', '1') })
  .map(
    (each) => `{'descr': ${each.descr}, 'fortran_order': ${each.order}, 'shape': ${each.shape}}`,
  );

const PLAIN = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}";

test('headers of npy that say anything', async (t) => {
  const files = fc
    .record({
      text: fc.oneof({ weight: 8, arbitrary: header }, fc.constant(PLAIN), fc.string()),
      more: fc.oneof(
        { weight: 5, arbitrary: fc.constant(0) },
        fc.integer({ min: -9, max: 2 ** 32 }),
      ),
      version: fc.constantFrom(1, 2, 3, 4, 255),
      data: fc.constantFrom(0, 4, 8, 24, 1_000),
    })
    .map(({ text, more, version, data }) =>
      npy(text, Math.max(0, text.length + more), version, data),
    );
  const outcomes = await all(t, 'npy', files);
  assert.ok(outcomes.has('not-a-npy-file') && outcomes.has('imported'), [...outcomes].join());
});

test('messages of GRIB that are cut, changed, or say any length', async (t) => {
  const change = fc.record({
    at: fc.oneof(fc.nat(300), fc.nat(20_000)),
    bytes: fc.oneof(
      fc.uint8Array({ maxLength: 8 }),
      fc.constantFrom(new Uint8Array(8).fill(255), new Uint8Array(8), Buffer.from('GRIB7777')),
    ),
  });
  const files = fc
    .record({
      whole: fc.constantFrom(...GRIBS),
      size: fc.oneof(fc.constant(20_000), fc.nat(20_000)),
      changes: fc.array(change, { maxLength: 5 }),
    })
    .map(({ whole, size, changes }) => {
      const bytes = Buffer.from(whole.subarray(0, size));
      for (const each of changes) {
        bytes.set(
          each.bytes.subarray(0, Math.max(0, bytes.length - each.at)),
          Math.min(each.at, bytes.length),
        );
      }
      return bytes;
    });
  const outcomes = await all(t, 'grib', files);
  assert.ok(outcomes.has('imported') && outcomes.has('not-a-grib-file'), [...outcomes].join());
});
