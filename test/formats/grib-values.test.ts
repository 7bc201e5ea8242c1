import { strict as assert } from 'node:assert';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { AttaccaError } from '../../src/core/errors.js';
import { FileSource } from '../../src/formats/bytes.js';
import { scanGrib } from '../../src/formats/grib/scan.js';
import { GribValues } from '../../src/formats/grib/values.js';
import { sharedData } from './shared-data.js';

const folder = mkdtempSync(join(tmpdir(), 'attacca-grib-'));
after(() => rmSync(folder, { recursive: true }));

async function refusal(work: Promise<unknown>): Promise<AttaccaError> {
  const error: unknown = await work.then(
    () => null,
    (cause) => cause,
  );
  assert.ok(error instanceof AttaccaError, String(error));
  return error;
}

const BYTES = Buffer.from('GRIB no message 7777');

/** Why what needs ecCodes cannot run here, with the line that installs it; false when it can. */
async function whyNot(): Promise<string | false> {
  using values = new GribValues();
  const { code, fields } = await refusal(values.decode(BYTES));
  return code === 'library-unavailable' ? `no ecCodes: ${String(fields['install'])}` : false;
}

const skip = await whyNot();
const members = sharedData('era5-levels-members.grib');
const surface = sharedData('era5-2mt-2019-03-uk.grib');

/** The message at this place of a file. */
async function messageOf(path: string, place: number): Promise<Uint8Array> {
  using source = new FileSource(path);
  const message = (await scanGrib(source)).messages[place];
  assert.ok(message !== undefined, `message ${place} of ${path}`);
  const bytes = new Uint8Array(message.size);
  source.read(message.offset, bytes);
  return bytes;
}

test('without ecCodes the error has the line that installs it', async () => {
  const path = join(folder, 'libeccodes.so');
  writeFileSync(path, 'no library');
  for (const named of [path, join(folder, 'missing.so')]) {
    using values = new GribValues({ ...process.env, ATTACCA_ECCODES: named });
    for (const time of ['first', 'second']) {
      const { code, fields, message } = await refusal(values.decode(BYTES));
      assert.equal(code, 'library-unavailable', time);
      assert.match(String(fields['install']), /apt-get install .*pip install/u);
      assert.ok(message.includes(String(fields['install'])));
      assert.ok(message.includes(named), message);
    }
  }
});

const options = (file: { readonly skip: string | false }) => ({ skip: skip || file.skip });

test(
  'keys and values of a message are what grib_ls and eccodes say',
  options(surface),
  async () => {
    using values = new GribValues();
    const field = await values.decode(await messageOf(surface.path, 1));
    assert.deepEqual(field.mars, {
      ...{ domain: 'g', levtype: 'sfc', date: 20_190_301, time: 100, step: 0, param: '167.128' },
      ...{ class: 'ea', type: 'an', stream: 'oper', expver: '0001' },
    });
    const { shortName, units, gridType, Ni, Nj, edition } = field.keys;
    assert.deepEqual(
      { shortName, units, gridType, Ni, Nj, edition },
      {
        ...{ shortName: '2t', units: 'K', gridType: 'regular_ll', Ni: 49, Nj: 33, edition: 1 },
      },
    );
    assert.deepEqual(field.shape, [33, 49]);
    // codes_get_values of eccodes for Python: 282.51879883, 282.39770508, 282.27075195, ...
    const first = Buffer.from(field.values.buffer, 0, 16).toString('hex');
    assert.equal(first, '68428d43e8328d43a8228d4328128d43');
  },
);

test('missing values are NaN, and a shape is that of rows which all go one way', {
  skip,
}, async () => {
  using values = new GribValues();
  const path = fileURLToPath(new URL('../../../test/formats/grib/grids.grib2', import.meta.url));
  const [masked, columns, back] = await Promise.all(
    [0, 1, 2].map(async (place) => values.decode(await messageOf(path, place))),
  );
  const numbers = Array.from({ length: 12 }, (_, at) => at);
  assert.deepEqual(masked?.shape, [3, 4]);
  assert.deepEqual([...(masked?.values ?? [])], numbers.with(5, Number.NaN));
  assert.equal(masked?.keys['numberOfMissing'], 1);
  assert.deepEqual(columns?.shape, [4, 3]);
  assert.deepEqual([...(columns?.values ?? [])], numbers);
  assert.deepEqual(back?.shape, [12]);
});

test('a process that ends with a message refuses it, and the next has another one', async () => {
  const path = join(folder, 'ends.mjs');
  const found = "process.send({ kind: 'found', version: '0', path: '' });";
  writeFileSync(
    path,
    `${found} process.on('message', () => process.kill(process.pid, 'SIGSEGV'));`,
  );
  using values = new GribValues(process.env, path);
  for (const time of ['first', 'second']) {
    const { code, message } = await refusal(values.decode(BYTES));
    assert.equal(code, 'bad-grib-message', time);
    assert.match(message, /ended by SIGSEGV/u);
  }
});

/** A process that plays ecCodes: `answer` is what it does with `id` and `message`. */
function playing(name: string, answer: string): string {
  const path = join(folder, name);
  writeFileSync(
    path,
    `const field = (value) => ({ values: Float32Array.of(value), shape: [1], mars: {}, keys: {} });
process.send({ kind: 'found', version: '0', path: '' });
process.on('disconnect', () => process.exit(0));
process.on('message', ({ id, message }) => { ${answer} });`,
  );
  return path;
}

test('behind a message that takes too long the next is decoded, by another process', async () => {
  const path = playing(
    'slow.mjs',
    "if (message[0] !== 0) process.send({ kind: 'field', id, field: field(message[0]) });",
  );
  using values = new GribValues(process.env, path, 2_000);
  const slow = refusal(values.decode(Uint8Array.of(0)));
  const next = values.decode(Uint8Array.of(7));
  const { code, message } = await slow;
  assert.equal(code, 'bad-grib-message');
  assert.match(message, /not decoded within 2 s/u);
  assert.deepEqual([...(await next).values], [7]);
});

test('what is answered to another message is not taken for this one', async () => {
  const path = playing(
    'others.mjs',
    `for (const [at, value] of [[id - 1, 0], [id + 1, 0], [id, message[0]]]) {
  process.send({ kind: 'field', id: at, field: field(value) });
}
process.send({ kind: 'fault', id, why: 'late' });`,
  );
  using values = new GribValues(process.env, path);
  const fields = await Promise.all([1, 2, 3].map((each) => values.decode(Uint8Array.of(each))));
  assert.deepEqual(
    fields.map((each) => [...each.values]),
    [[1], [2], [3]],
  );
});

test('all messages of a file are decoded, in order', options(members), async () => {
  using values = new GribValues();
  const fields = await Promise.all(
    Array.from({ length: 160 }, async (_, place) =>
      values.decode(await messageOf(members.path, place)),
    ),
  );
  assert.deepEqual(
    fields.slice(0, 3).map(({ mars }) => `${mars['number']} ${mars['levelist']}`),
    ['0 500', '1 500', '2 500'],
  );
  assert.ok(fields.every(({ shape }) => shape[0] === 61 && shape[1] === 120));
  assert.ok(
    fields.every(({ values: all }) => all.length === 61 * 120 && all.every(Number.isFinite)),
  );
});

test(
  'a message that is damaged is refused, and the next is decoded',
  options(surface),
  async () => {
    using values = new GribValues();
    const good = await messageOf(surface.path, 0);
    const none = await refusal(values.decode(BYTES));
    assert.equal(none.code, 'bad-grib-message');
    const outcomes = new Set<string>();
    // Each byte of the sections before the data: sizes, numbers of points, kinds of packing.
    for (let at = 8; at < 110; at++) {
      const bytes = good.slice();
      bytes[at] = (bytes[at] as number) ^ 0xff;
      const outcome = await values.decode(bytes).then(
        () => 'decoded',
        (error: AttaccaError) => error.code,
      );
      outcomes.add(outcome);
    }
    assert.deepEqual([...outcomes].toSorted(), ['bad-grib-message', 'decoded']);
    const { shape } = await values.decode(good);
    assert.deepEqual(shape, [33, 49]);
  },
);
