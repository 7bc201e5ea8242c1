import assert from 'node:assert/strict';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { FieldPool, ReceivedField } from '../../../examples/weather/exchange/exchange.js';
import { FieldFile, FieldFileWriter } from '../../../examples/weather/exchange/field-file.js';
import { openFiles } from '../../../examples/weather/exchange/files.js';
import { joinPool } from '../../../examples/weather/exchange/pool.js';
import { InFlight } from '../../../examples/weather/programs/in-flight.js';
import { checkReceived, offerAttributes } from '../../../examples/weather/programs/program.js';
import { fieldSums } from '../../../examples/weather/sums.js';
import { testPool } from '../../../src/testing/index.js';

const root = mkdtempSync(join(tmpdir(), 'attacca-weather-'));
after(() => rmSync(root, { recursive: true }));
let count = 0;
const fresh = (): string => join(root, String(count++));

const SPACE = { dtype: 'float32', shape: [2, 3] } as const;
const VALUES = Float32Array.of(1, -2.5, 3, Number.NaN, 5, 6);

async function offer(pool: FieldPool, name: string, attributes = {}): Promise<void> {
  const field = pool.object(name, { space: SPACE, attributes });
  await field.allocate();
  field.array.set(VALUES);
  field.set({ attributes: offerAttributes(fieldSums(VALUES)) });
  await field.handOver();
}

/** What must hold of a pool and of files alike. */
async function exchangesFields(producer: FieldPool, consumer: FieldPool): Promise<void> {
  const expected = [consumer.object('fc/a'), consumer.object('fc/b')];
  await Promise.all(expected.map((field) => field.require()));
  const promise = await producer.promise('fc/*');
  await offer(producer, 'fc/a', { units: 'm' });
  await offer(producer, 'fc/b');
  const received = await Promise.all(expected.map((field) => field.demand()));
  for (const field of received) {
    assert.deepEqual(Float32Array.from(field.array), VALUES);
    assert.equal(field.unsafeBytes().length, VALUES.byteLength);
    checkReceived(field);
  }
  assert.equal(received[0]?.attributes['units'], 'm');
  await Promise.all(received.map((field) => field.dispose()));
  await promise.close();
  await Promise.all([producer.leave(), consumer.leave()]);
}

test('a pool hands over values, attributes and sums', async () => {
  await using pool = await testPool();
  process.env['ATTACCA_POOL'] = pool.address;
  const [producer, consumer] = await Promise.all([joinPool('producer'), joinPool('consumer')]);
  await exchangesFields(producer, consumer);
});

test('a file a field hands over the same', async () => {
  const options = { directory: fresh(), groupOf: (name: string) => ({ name, count: 1 }) };
  await exchangesFields(openFiles(options), openFiles(options));
});

test('a file for all hands over the same', async () => {
  const options = { directory: fresh(), groupOf: () => ({ name: 'fc', count: 2 }) };
  await exchangesFields(openFiles(options), openFiles(options));
});

test('a file for several objects gets its name with the last of them', async () => {
  const directory = fresh();
  const files = openFiles({ directory, groupOf: () => ({ name: 'fc/step=1', count: 2 }) });
  const visible = (): string[] => readdirSync(directory).filter((name) => name !== 'drafts');
  await offer(files, 'fc/a');
  assert.deepEqual(visible(), []);
  await offer(files, 'fc/b');
  assert.deepEqual(visible(), ['fc,step=1.fields']);
  assert.deepEqual(readdirSync(join(directory, 'drafts')), []);
});

test('sums that differ are refused, naming the field and both numbers', () => {
  const sums = fieldSums(VALUES);
  const field = (attributes: ReceivedField['attributes']): ReceivedField => ({
    name: 'fc/a',
    attributes,
    array: VALUES,
    unsafeBytes: () => new Uint8Array(VALUES.buffer),
    dispose: () => Promise.resolve(),
  });
  checkReceived(field({ ...sums }));
  assert.throws(() => checkReceived(field({ ...sums, sum: 13 })), {
    code: 'sums-differ',
    message: 'Cannot use "fc/a": not as it was offered: sum is 12.5, not 13',
  });
  assert.throws(() => checkReceived(field({})), { code: 'sums-differ' });
});

function writeFieldFile(): string {
  const path = `${fresh()}.fields`;
  const writer = new FieldFileWriter(`${path}.draft`);
  writer.append('a', { level: 500 }, new Uint8Array(100).fill(7));
  writer.append('b', {}, new Uint8Array(3).fill(9));
  writer.finish(path);
  return path;
}

test('a file of fields gives back what was written, each from a multiple of 64 on', () => {
  const file = new FieldFile(writeFieldFile());
  const entry = file.entry('b');
  assert.equal(entry.offset, 128);
  const target = new Uint8Array(3);
  file.read(entry, target);
  assert.deepEqual(target, new Uint8Array(3).fill(9));
  assert.deepEqual(file.entry('a').attributes, { level: 500 });
  assert.throws(() => file.entry('c'), { code: 'bad-field-file' });
  file.close();
});

test('a file of fields that is cut, empty, or something else', () => {
  for (const size of [0, 5, 64, 140]) {
    const path = writeFieldFile();
    truncateSync(path, size);
    assert.throws(() => new FieldFile(path), { code: 'bad-field-file' }, `${size} bytes`);
  }
  const path = writeFieldFile();
  writeFileSync(path, readFileSync(path).fill(0x20, 131, 160));
  assert.throws(() => new FieldFile(path), { code: 'bad-field-file' });
});

test('calls in flight: no more than the limit, and a failure is told to who waits', async () => {
  const inFlight = new InFlight(2);
  let end = (): void => {};
  inFlight.add(
    new Promise<void>((resolve) => {
      end = resolve;
    }),
  );
  await inFlight.room();
  inFlight.add(new Promise<void>(() => {}));
  let hasRoom = false;
  const room = inFlight.room().then(() => {
    hasRoom = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(hasRoom, false);
  end();
  await room;
  const failing = new InFlight(8);
  failing.add(Promise.reject(new Error('refused')));
  await assert.rejects(failing.settle(), /refused/);
  await assert.rejects(failing.room(), /refused/);
});
