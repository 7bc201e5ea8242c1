import { strict as assert } from 'node:assert';
import { AttaccaError } from '../core/errors.js';
import { type Space, spaceBytes } from '../core/space.js';
import { Float, Timestamp, type ValueMap } from '../core/value.js';
import type { Level, LevelBytes, LevelEntry, LevelKey } from '../levels/level.js';

/** A level to be tried. */
export interface LevelTried {
  /** Empty at first; the case closes it. */
  readonly level: Level;
  /** Closes it and opens what it has kept; left out by one that keeps nothing. */
  readonly reopen?: (level: Level) => Promise<Level>;
}

/** One thing that is so of every level. */
export interface LevelCase {
  readonly name: string;
  /** Rejects when it is not so. */
  run(make: () => Promise<LevelTried>): Promise<void>;
}

export function blobSpace(size: number): Space {
  return { dtype: 'uint8', shape: [size], order: 'row', byteOrder: 'little' };
}

/** Bytes that differ from place to place, and with the seed. */
export function someBytes(size: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let state = (seed * 2_654_435_761 + size) >>> 0;
  for (let at = 0; at < size; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

const key = (name: string, version = 1, pool = 'p'): LevelKey => ({ pool, name, version });

async function put(level: Level, at: LevelKey, bytes: Uint8Array, attributes: ValueMap = {}) {
  await level.put({ ...at, space: blobSpace(bytes.length), attributes }, bytes);
}

async function bytesAt(level: Level, at: LevelKey): Promise<Uint8Array | null> {
  return (await level.get(at))?.bytes ?? null;
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return await promise.then(
    () => 'none',
    (error: unknown) => (error instanceof AttaccaError ? error.code : String(error)),
  );
}

async function listed(
  level: Level,
  isWanted?: (entry: LevelEntry) => boolean,
): Promise<LevelEntry[]> {
  const all: LevelEntry[] = [];
  for await (const entry of level.list(isWanted)) all.push(entry);
  return all.sort((one, other) => (idOf(one) < idOf(other) ? -1 : 1));
}

function idOf({ pool, name, version }: LevelKey): string {
  return JSON.stringify([pool, name, version]);
}

async function* inPieces(bytes: Uint8Array, size: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function joined(blocks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const block of blocks) all.push(block.slice());
  return new Uint8Array(Buffer.concat(all));
}

/** Small ones, those at an array's limit, and one of many chunks. */
const SIZES = [0, 1, 7, 8, 4_096, 65_535, 65_537, 1_048_575, 1_048_576, 9_000_001];

const SPACES: readonly Space[] = [
  { dtype: 'float64', shape: [], order: 'row', byteOrder: 'little' },
  { dtype: 'int16', shape: [3, 5, 7], order: 'column', byteOrder: 'big' },
  { dtype: 'float32', shape: [700, 1_000], order: 'row', byteOrder: 'little' },
  { dtype: 'float32', shape: [2, 3, 500_000], order: 'row', byteOrder: 'big' },
  { dtype: 'float64', shape: [700, 500, 3], order: 'column', byteOrder: 'little' },
  { dtype: 'complex64', shape: [400_000], order: 'row', byteOrder: 'little' },
  { dtype: 'bool', shape: [1_100, 1_000], order: 'column', byteOrder: 'little' },
  { dtype: 'string[12]', shape: [100_000, 1], order: 'row', byteOrder: 'little' },
  { dtype: 'int8', shape: [1, 1, 5_000_000], order: 'column', byteOrder: 'little' },
  { dtype: 'int8', shape: [4, 0, 5], order: 'row', byteOrder: 'little' },
];

const NAMES = [
  ...['a', 'a/b', 'a/b/../c', '..', '.', '/', ' ', '', 'x\0y', '__proto__', 'zarr.json'],
  ...['t2m@0001:step=6', 'ü'.repeat(1_000), '\u{1f300}'.repeat(1_000), 'A', 'c/0/0'],
];

const ATTRIBUTES: ValueMap = {
  ...{ text: 'Wärme', empty: '', whole: 6, fraction: 0.5, float: new Float(6), big: 2n ** 60n },
  ...{ unsigned: 2n ** 64n - 1n, minus: -0, nan: Number.NaN, yes: true, nothing: null },
  ...{ bytes: new Uint8Array([0, 255]), at: new Timestamp(1_700_000_000_123_456_789n) },
  ...{ list: [1, 'two', [3]], map: { inner: { most: 1 } }, dims: ['lat', 'lon'] },
};

async function isEmpty(level: Level): Promise<void> {
  const none = key('none');
  assert.equal(await level.get(none), null);
  assert.equal(await level.stream(none), null);
  assert.equal(await level.find(none), null);
  assert.equal(await level.has(none), false);
  assert.equal(await level.newest('p', 'none'), null);
  assert.equal(await level.delete(none), false);
  assert.deepEqual(await listed(level), []);
  assert.equal((await level.capacity()).objects, 0);
}

async function keepsSizes(level: Level): Promise<void> {
  for (const size of SIZES) {
    const bytes = someBytes(size);
    await put(level, key(`n${size}`), bytes);
    const found = await level.get(key(`n${size}`));
    assert.ok(found !== null && Buffer.compare(found.bytes, bytes) === 0, `${size} bytes`);
    assert.equal(found.entry.size, size);
    const stream = await level.stream(key(`n${size}`));
    assert.ok(stream !== null && Buffer.compare(await joined(stream.blocks), bytes) === 0);
    const into = new Uint8Array(size + 3).fill(9);
    const within = await level.get(key(`n${size}`), into);
    assert.equal(within?.bytes.buffer, into.buffer);
    assert.equal(Buffer.compare(into.subarray(0, size), bytes), 0);
    assert.deepEqual([...into.subarray(size)], [9, 9, 9]);
    if (size === 0) continue;
    const little = new Uint8Array(size - 1);
    assert.equal(await codeOf(level.get(key(`n${size}`), little)), 'bad-argument');
  }
}

async function keepsSpaces(level: Level): Promise<void> {
  for (const [at, space] of SPACES.entries()) {
    const bytes = someBytes(spaceBytes(space), at);
    const entry = { ...key(`s${at}`), space, attributes: { at } };
    await level.put(entry, bytes);
    const found = await level.get(entry);
    assert.deepEqual(found?.entry, { ...entry, size: bytes.length });
    assert.equal(Buffer.compare(found.bytes, bytes), 0, JSON.stringify(space));
    assert.deepEqual(await level.find(entry), found.entry);
  }
  assert.equal((await listed(level)).length, SPACES.length);
}

async function takesPieces(level: Level): Promise<void> {
  for (const size of [10, 100_000, 5_000_000]) {
    const bytes = someBytes(size);
    for (const piece of [size, Math.ceil(size / 3), Math.ceil(size / 1_000)]) {
      const entry = { ...key('pieces'), space: blobSpace(size), attributes: {} };
      await level.put(entry, inPieces(bytes, piece), { durability: 'fsync' });
      const found = await bytesAt(level, entry);
      assert.ok(found !== null && Buffer.compare(found, bytes) === 0, `${size} by ${piece}`);
    }
  }
}

async function keepsNames(level: Level): Promise<void> {
  for (const [at, name] of NAMES.entries()) await put(level, key(name), someBytes(9, at));
  await put(level, key(NAMES[0] as string, 1, 'another'), someBytes(9, 99));
  for (const [at, name] of NAMES.entries()) {
    assert.deepEqual(await bytesAt(level, key(name)), someBytes(9, at), name.slice(0, 20));
  }
  assert.deepEqual((await listed(level)).filter(({ pool }) => pool === 'p').length, NAMES.length);
  assert.equal((await listed(level, ({ pool }) => pool === 'p')).length, NAMES.length);
  assert.equal((await listed(level, ({ pool }) => pool === 'none')).length, 0);
  for (const name of NAMES) assert.equal(await level.delete(key(name)), true);
  assert.deepEqual(await bytesAt(level, key(NAMES[0] as string, 1, 'another')), someBytes(9, 99));
}

async function keepsLargeNames(level: Level): Promise<void> {
  const size = 1_048_577;
  for (const [at, name] of NAMES.entries()) await put(level, key(name), someBytes(size, at));
  for (const [at, name] of NAMES.entries()) {
    const found = await bytesAt(level, key(name));
    assert.ok(found !== null && Buffer.compare(found, someBytes(size, at)) === 0, name);
  }
}

async function keepsVersions(level: Level): Promise<void> {
  for (const version of [3, 1, 7, 2 ** 40])
    await put(level, key('v', version), someBytes(version % 9));
  assert.equal(await level.newest('p', 'v'), 2 ** 40);
  assert.equal(await level.newest('another', 'v'), null);
  assert.equal(await level.has(key('v', 2)), false);
  assert.equal(await level.delete(key('v', 2 ** 40)), true);
  assert.equal(await level.newest('p', 'v'), 7);
  assert.equal(await level.delete(key('v', 3)), true);
  assert.equal(await level.delete(key('v', 3)), false);
  assert.equal(await level.newest('p', 'v'), 7);
  assert.equal(await level.delete(key('v', 7)), true);
  assert.equal(await level.newest('p', 'v'), 1);
  assert.deepEqual(await bytesAt(level, key('v', 1)), someBytes(1));
  for (const version of [0, -1, 1.5, 2 ** 53]) {
    assert.equal(await codeOf(put(level, key('v', version), someBytes(1))), 'bad-argument');
  }
}

async function replaces(level: Level): Promise<void> {
  for (const size of [10, 2_000_000, 3_000_000, 20]) {
    await put(level, key('r'), someBytes(size), { size });
    const found = await level.get(key('r'));
    assert.equal(found?.entry.attributes['size'], size);
    assert.equal(Buffer.compare(found.bytes, someBytes(size)), 0);
  }
  assert.equal((await level.capacity()).objects, 1);
  assert.equal((await listed(level)).length, 1);
}

async function keepsAttributes(level: Level): Promise<void> {
  for (const size of [4, 2_000_000]) {
    const entry = { ...key(`a${size}`), space: blobSpace(size), attributes: ATTRIBUTES };
    await level.put(entry, someBytes(size));
    assert.deepEqual((await level.find(entry))?.attributes, ATTRIBUTES);
  }
}

async function refusesWrongSizes(level: Level): Promise<void> {
  for (const size of [100, 2_000_000]) {
    const entry = { ...key(`w${size}`), space: blobSpace(size), attributes: {} };
    await level.put(entry, someBytes(size));
    const wrong = async (bytes: LevelBytes): Promise<void> => {
      assert.equal(await codeOf(level.put(entry, bytes)), 'size-mismatch');
    };
    await wrong(new Uint8Array(size - 1));
    await wrong(new Uint8Array(size + 1));
    await wrong(inPieces(new Uint8Array(size - 1), 64));
    await wrong(inPieces(new Uint8Array(size + 1), size));
    const found = await bytesAt(level, entry);
    assert.ok(found !== null && Buffer.compare(found, someBytes(size)) === 0, 'the one before');
  }
}

/** As a caller without types may give it. */
const NO_SPACES: readonly Readonly<Record<string, unknown>>[] = [
  { order: undefined },
  { byteOrder: undefined },
  { dtype: undefined },
  { shape: undefined },
  { shape: [null] },
  { shape: [-3] },
  { shape: 3 },
  { dtype: 'uint9' },
  { order: 'diagonal' },
  { byteOrder: 'middle' },
];

async function refusesNoSpaces(level: Level): Promise<void> {
  for (const size of [3, 2_000_000]) {
    const entry = { ...key(`s${size}`), space: blobSpace(size), attributes: {} };
    await level.put(entry, someBytes(size));
    for (const wrong of NO_SPACES) {
      const space = { ...blobSpace(size), ...wrong };
      const putting = level.put({ ...entry, space }, someBytes(size, 2), { durability: 'fsync' });
      assert.equal(await codeOf(putting), 'bad-space', JSON.stringify(wrong));
    }
    assert.deepEqual(await bytesAt(level, entry), someBytes(size), 'the one before');
  }
}

async function endsEarly(level: Level): Promise<void> {
  for (const size of [100, 2_000_000]) {
    const entry = { ...key(`e${size}`), space: blobSpace(size), attributes: {} };
    async function* breaking(): AsyncIterable<Uint8Array> {
      yield new Uint8Array(size / 2);
      throw new AttaccaError('cancelled', 'Cannot go on: the source ends');
    }
    assert.equal(await codeOf(level.put(entry, breaking())), 'cancelled');
    const controller = new AbortController();
    async function* aborting(): AsyncIterable<Uint8Array> {
      yield new Uint8Array(size / 2);
      controller.abort();
      yield new Uint8Array(size / 2);
    }
    const { signal } = controller;
    assert.equal(await codeOf(level.put(entry, aborting(), { signal })), 'aborted');
    assert.equal(await codeOf(level.put(entry, someBytes(size), { signal })), 'aborted');
    assert.equal(await level.has(entry), false);
  }
  assert.deepEqual(await listed(level), []);
}

async function takesManyAtOnce(level: Level): Promise<void> {
  const names = Array.from({ length: 300 }, (_, at) => `m${at}`);
  await Promise.all(
    names.map((name, at) =>
      level.put({ ...key(name), space: blobSpace(at), attributes: { at } }, someBytes(at), {
        durability: at % 3 === 0 ? 'fsync' : 'memory',
      }),
    ),
  );
  const found = await Promise.all(names.map((name) => bytesAt(level, key(name))));
  for (const [at, bytes] of found.entries()) assert.deepEqual(bytes, someBytes(at));
  const ended = await Promise.all(
    names.flatMap((name) => [level.delete(key(name)), level.delete(key(name))]),
  );
  assert.equal(ended.filter((isDeleted) => isDeleted).length, names.length);
  assert.deepEqual(await listed(level), []);
  assert.equal((await level.capacity()).objects, 0);
}

async function ends(level: Level): Promise<void> {
  await put(level, key('x'), someBytes(3));
  await level.close();
  await level.close();
  assert.equal(await codeOf(level.get(key('x'))), 'wrong-state');
  assert.equal(await codeOf(put(level, key('x'), someBytes(3))), 'wrong-state');
}

/** Steps at random, each held against a Map; opened anew now and then where it can be. */
async function isLikeAMap({ level: first, reopen }: LevelTried): Promise<void> {
  let level = first;
  const model = new Map<string, Uint8Array>();
  let state = 20_260_101;
  const dice = (sides: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % sides;
  };
  for (let step = 0; step < 400; step++) {
    const at = key(`k${dice(12)}`, 1 + dice(3));
    const kind = dice(10);
    if (kind < 5) {
      const bytes = someBytes(dice(20) === 0 ? 1_100_000 + dice(9_999) : dice(3_000), step);
      await put(level, at, bytes);
      model.set(idOf(at), bytes);
    } else if (kind < 7) {
      assert.equal(await level.delete(at), model.delete(idOf(at)), `step ${step}`);
    } else if (kind < 9 || reopen === undefined) {
      const found = await bytesAt(level, at);
      const known = model.get(idOf(at)) ?? null;
      assert.equal(found === null, known === null, `step ${step}`);
      if (found !== null && known !== null) assert.equal(Buffer.compare(found, known), 0);
    } else if (dice(8) === 0) level = await reopen(level);
  }
  const all = await listed(level);
  assert.deepEqual(all.map(idOf), [...model.keys()].sort());
  await level.close();
}

function caseOf(name: string, run: (level: Level) => Promise<void>): LevelCase {
  return {
    name,
    async run(make) {
      const { level } = await make();
      await run(level);
      await level.close();
    },
  };
}

/**
 * What is so of every level, for any runner of tests:
 *
 * ```ts
 * for (const { name, run } of levelCases) test(name, () => run(makeMyLevel));
 * ```
 */
export const levelCases: readonly LevelCase[] = [
  caseOf('an empty level has nothing, and says so', isEmpty),
  caseOf('objects of any size come back as they were, whole and in blocks', keepsSizes),
  caseOf('objects of any space come back with it', keepsSpaces),
  caseOf('a payload may come in pieces of any size', takesPieces),
  caseOf('any text is a name, and no two are one', keepsNames),
  caseOf('also of large objects', keepsLargeNames),
  caseOf('versions are objects of their own, of which one is the newest', keepsVersions),
  caseOf('what is put with the same key replaces the one before', replaces),
  caseOf('attributes come back with their types', keepsAttributes),
  caseOf('a payload of another size is refused, and the one before stays', refusesWrongSizes),
  caseOf('what is no whole space is refused, and the one before stays', refusesNoSpaces),
  caseOf('a put that does not end leaves nothing', endsEarly),
  caseOf('many at once', takesManyAtOnce),
  caseOf('it closes once, and is of no use then', ends),
  { name: 'any steps give what a map gives', run: async (make) => isLikeAMap(await make()) },
  {
    name: 'what it has kept is there when it is opened again',
    async run(make) {
      const { level, reopen } = await make();
      await put(level, key('small'), someBytes(10));
      await put(level, key('large'), someBytes(2_000_000));
      await put(level, key('ended'), someBytes(10));
      await level.delete(key('ended'));
      const again = reopen === undefined ? level : await reopen(level);
      assert.deepEqual(await bytesAt(again, key('small')), someBytes(10));
      assert.deepEqual(await bytesAt(again, key('large')), someBytes(2_000_000));
      assert.equal(await again.has(key('ended')), false);
      assert.equal((await again.capacity()).objects, 2);
      await again.close();
    },
  },
];
