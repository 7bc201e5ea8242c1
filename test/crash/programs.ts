/**
 * A producer and a consumer that are killed and started again: each goes on where its ledger ends.
 * They share a lane: the objects `o/LANE/0`, `o/LANE/1`, ... Arguments: the role, the address, the
 * lane, the ledger, and the size of payloads when all have the same. They say `at NUMBER` as they
 * go, and end at the word: the producer at `end`, the consumer at `until NUMBER`.
 */
import assert from 'node:assert/strict';
import { createInterface } from 'node:readline';
import { scheduler } from 'node:timers/promises';
import { AttaccaError, type Delivered, join, type Pool } from '../../src/client/index.js';
import { Ledger } from './ledger.js';
import { payloadOf, sumOf } from './payload.js';

const [role = '', address = '', laneText = '0', ledgerPath = '', sizeText = ''] =
  process.argv.slice(2);
const lane = Number(laneText);
const size = sizeText === '' ? undefined : Number(sizeText);
const ledger = new Ledger(ledgerPath);

/** Offers under way. */
const WINDOW = 8;
/** Demands under way. */
const AHEAD = 6;
/** What was delivered and is looked at again before it is given back. */
const HELD = 4;
/** Objects after which the consumer says that it has come so far, and how far it may be behind. */
const BLOCK = 40;
const BLOCKS_BEHIND = 3;
/** Nobody offers it: each so-many-th time it is waited for all the same, so long. */
const NEVER_EACH = 60;
const NEVER_MS = 200;

const NOTHING = new Uint8Array(0);
const nameOf = (number: number): string => `o/${lane}/${number}`;
const creditOf = (block: number): string => `credit/${lane}/${block}`;
const numberOf = (name: string): number => Number(name.split('/')[2]);
const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};
const codeOf = (error: unknown): string =>
  error instanceof AttaccaError ? error.code : String(error);

/** Numbers that facts of a kind name. */
function numbersOf(kind: string, prefix: string): Set<number> {
  const found = ledger.past.filter((fact) => fact.kind === kind && fact.name.startsWith(prefix));
  return new Set(found.map(({ name }) => numberOf(name)));
}

let ending = Number.POSITIVE_INFINITY;
let wake: () => void = () => {};
/** What is demanded, to be given up when it will not come. */
const stops = new Map<number, AbortController>();
const told = createInterface({ input: process.stdin });
told.on('line', (line) => {
  ending = line === 'end' ? -1 : Number(line.replace('until ', ''));
  for (const [number, stop] of stops) if (number >= ending) stop.abort();
  wake();
});

/** How long who is sent away, as the pool is gone or its disk full, lets others go first. */
const REFUSED_MS = 20;

/** Waits until the pool may have room again. */
async function later(): Promise<void> {
  say('refused');
  await scheduler.wait(REFUSED_MS);
}

async function offer(pool: Pool, name: string, bytes: Uint8Array): Promise<void> {
  for (;;) {
    ledger.write({ kind: 'asked', name, sum: sumOf(bytes) });
    try {
      await pool.put(name, bytes, { timeoutMs: Number.POSITIVE_INFINITY });
      ledger.write({ kind: 'kept', name, how: 'new' });
      return;
    } catch (error) {
      const code = codeOf(error);
      if (code === 'already-offered') {
        ledger.write({ kind: 'kept', name, how: 'again' });
        return;
      }
      ledger.write({ kind: 'refused', name, code });
      if (code !== 'journal-full') throw error;
      await later();
    }
  }
}

async function remove(pool: Pool, name: string): Promise<void> {
  ledger.write({ kind: 'removing', name });
  try {
    await pool.unkeep(name);
  } catch (error) {
    if (codeOf(error) !== 'unknown-object') throw error;
  }
  ledger.write({ kind: 'removed', name });
}

/** Does something again until it does not fail for one of these reasons. */
async function persist<T>(codes: readonly string[], run: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await run();
    } catch (error) {
      if (!codes.includes(codeOf(error))) throw error;
      await later();
    }
  }
}

/** Waits until the consumer is not too far behind; what it said is not needed any more then. */
async function credit(pool: Pool, block: number): Promise<void> {
  const name = creditOf(block);
  if (!numbersOf('got', 'credit/').has(block)) {
    const all = { timeoutMs: Number.POSITIVE_INFINITY, whenNobody: 'wait' } as const;
    const got = await persist(['journal-full'], () => pool.object(name).demand(all));
    ledger.write({ kind: 'got', name, sum: 0, version: got.version });
    await got.dispose();
  }
  if (!numbersOf('removed', 'credit/').has(block)) await remove(pool, name);
}

/** Those that were asked for and not acknowledged in a life before, then new ones. */
function* numbersToOffer(): Generator<number> {
  const asked = numbersOf('asked', 'o/');
  const kept = numbersOf('kept', 'o/');
  for (const number of [...asked].sort((a, b) => a - b)) if (!kept.has(number)) yield number;
  for (let number = Math.max(-1, ...asked) + 1; ending !== -1; number++) yield number;
}

async function produce(pool: Pool): Promise<void> {
  const flying = new Map<number, Promise<void>>();
  const asked = numbersOf('asked', 'o/');
  for (const number of numbersToOffer()) {
    await flying.get(number - WINDOW);
    flying.delete(number - WINDOW);
    // What a life before has asked for is asked for again in any case.
    if (number % BLOCK === 0 && number >= BLOCK * BLOCKS_BEHIND && !asked.has(number)) {
      await Promise.all(flying.values());
      const isEnding = new Promise<void>((resolve) => {
        wake = resolve;
      });
      await Promise.race([credit(pool, number / BLOCK - BLOCKS_BEHIND), isEnding]);
      if (ending === -1) break;
    }
    flying.set(number, offer(pool, nameOf(number), payloadOf(lane, number, size)));
    if (number % 10 === 0) say(`at ${number}`);
  }
  await Promise.all(flying.values());
}

async function never(pool: Pool, number: number): Promise<void> {
  const name = `never/${lane}/${number}`;
  ledger.write({ kind: 'demanded', name });
  try {
    await pool.object(name).demand({ timeoutMs: NEVER_MS, whenNobody: 'wait' });
    ledger.write({ kind: 'ended', name, code: 'none' });
  } catch (error) {
    ledger.write({ kind: 'ended', name, code: codeOf(error) });
  }
}

/** Null when it is given up. */
async function demand(pool: Pool, number: number): Promise<Delivered | null> {
  const name = nameOf(number);
  const stop = new AbortController();
  stops.set(number, stop);
  for (;;) {
    const { signal } = stop;
    ledger.write({ kind: 'demanded', name });
    try {
      const all = { timeoutMs: Number.POSITIVE_INFINITY, whenNobody: 'wait', signal } as const;
      return await pool.object(name).demand(all);
    } catch (error) {
      const code = codeOf(error);
      ledger.write({ kind: 'ended', name, code });
      if (code === 'aborted') return null;
      if (code !== 'journal-full') throw error;
      await later();
    }
  }
}

/** Gives bytes back that were held for a while, and must be what they were. */
async function giveBack(held: Delivered | undefined): Promise<void> {
  if (held === undefined) return;
  const number = numberOf(held.name);
  assert.equal(sumOf(held.unsafeBytes()), sumOf(payloadOf(lane, number, size)), held.name);
  await held.dispose();
}

async function consume(pool: Pool): Promise<void> {
  const got = numbersOf('got', 'o/');
  const removed = numbersOf('removed', 'o/');
  const first = Math.max(-1, ...got) + 1;
  const waiting = new Map<number, Promise<Delivered | null>>();
  const held: Delivered[] = [];
  const doomed: Promise<void>[] = [];
  const settle = async (number: number): Promise<void> => {
    if (number < 0 || removed.has(number)) return;
    await remove(pool, nameOf(number));
  };
  const credits = numbersOf('kept', 'credit/');
  for (const number of got) {
    const block = number / BLOCK;
    if (Number.isInteger(block) && !credits.has(block)) await offer(pool, creditOf(block), NOTHING);
  }
  // The producer has gone on by two windows: it will not offer it again.
  for (const number of got) if (number < first - 2 * WINDOW) await settle(number);
  for (let number = first; number < ending; number++) {
    for (let ahead = number; ahead < number + AHEAD && ahead < ending; ahead++) {
      if (!waiting.has(ahead)) waiting.set(ahead, demand(pool, ahead));
    }
    const one = await waiting.get(number);
    waiting.delete(number);
    stops.delete(number);
    if (one === null || one === undefined) break;
    const { name, version } = one;
    ledger.write({ kind: 'got', name, sum: sumOf(one.unsafeBytes()), version });
    held.push(one);
    if (held.length > HELD) await giveBack(held.shift());
    await settle(number - 2 * WINDOW);
    if (number % NEVER_EACH === 0) doomed.push(never(pool, number));
    if (number % BLOCK === 0) {
      await offer(pool, creditOf(number / BLOCK), NOTHING);
      await Promise.all(doomed.splice(0));
    }
    if (number % 10 === 0) say(`at ${number}`);
  }
  await Promise.all(doomed);
  await Promise.all(waiting.values());
  for (const one of held) await giveBack(one);
  const all = new Set([...got, ...Array.from({ length: ending }, (_, number) => number)]);
  for (const number of all) if (number >= ending - 2 * WINDOW - 1) await settle(number);
}

/** The pool may be killed before it has answered. */
const AWAY = ['connection-lost', 'pool-unreachable', 'journal-full'] as const;
const pool = await persist(AWAY, () => join({ address, member: `${role}[${lane}]` }));
say(`joined ${pool.transport}`);
if (role === 'producer') await produce(pool);
else await consume(pool);
await pool.leave();
told.close();
process.stdin.destroy();
say('done');
