import assert from 'node:assert/strict';
import { readLedger, type Written } from './ledger.js';

/** What was compared, in numbers. */
export interface Checked {
  readonly asked: number;
  readonly acknowledged: number;
  /** Asked for again by the next life of a producer, and found to be there. */
  readonly again: number;
  readonly received: number;
  readonly ended: number;
}

interface Party {
  readonly ledger: string;
  readonly role: string;
  readonly lane: number;
}

/** Facts of a kind, by the name that they are about. */
function byName<K extends Written['kind']>(
  facts: readonly Written[],
  kind: K,
): Map<string, Extract<Written, { kind: K }>[]> {
  const found = new Map<string, Extract<Written, { kind: K }>[]>();
  for (const fact of facts) {
    if (fact.kind !== kind) continue;
    const own = fact as Extract<Written, { kind: K }>;
    const all = found.get(own.name);
    if (all === undefined) found.set(own.name, [own]);
    else all.push(own);
  }
  return found;
}

/**
 * Each put takes effect once: it is new, or it was asked for by a life before that did not hear the
 * answer; who has heard that it is kept never asks again.
 */
function checkPuts(facts: readonly Written[], who: string): { asked: number; again: number } {
  const asked = byName(facts, 'asked');
  const kept = byName(facts, 'kept');
  const refused = byName(facts, 'refused');
  let again = 0;
  for (const [name, askings] of asked) {
    const outcomes = kept.get(name) ?? [];
    assert.equal(outcomes.length, 1, `${who}: "${name}" was acknowledged ${outcomes.length} times`);
    const [outcome] = outcomes;
    for (const { code } of refused.get(name) ?? []) assert.equal(code, 'journal-full', name);
    const lives = new Set(askings.map(({ life }) => life));
    if (outcome?.how !== 'again') continue;
    again++;
    assert.ok(lives.size > 1, `${who}: "${name}" was offered twice though it was asked for once`);
  }
  return { asked: asked.size, again };
}

/** Each demand of the last life of a consumer has ended, and those before were cut off by it. */
function checkDemands(facts: readonly Written[], who: string): number {
  const last = facts.at(-1)?.life ?? 0;
  const own = facts.filter(({ life }) => life === last);
  const ended = byName(own, 'ended');
  const got = byName(own, 'got');
  let count = 0;
  for (const [name, demands] of byName(own, 'demanded')) {
    const ends = ended.get(name) ?? [];
    const outcomes = ends.length + (got.get(name) ?? []).length;
    assert.equal(outcomes, demands.length, `${who}: ends of demands for "${name}"`);
    for (const { code } of ends) {
      const codes = name.startsWith('never/')
        ? ['deadline-passed', 'connection-lost', 'journal-full']
        : ['aborted', 'journal-full'];
      assert.ok(codes.includes(code), `${who}: a demand for "${name}" ended with ${code}`);
    }
    count += ends.length;
  }
  return count;
}

/** Compares what was acknowledged with what was received, and with what the pool holds. */
export function checkLanes(parties: readonly Party[], left: readonly string[]): Checked {
  const checked = { asked: 0, acknowledged: 0, again: 0, received: 0, ended: 0 };
  for (const producer of parties.filter(({ role }) => role === 'producer')) {
    const consumer = parties.find(
      ({ role, lane }) => role !== 'producer' && lane === producer.lane,
    );
    assert.ok(consumer !== undefined);
    const made = readLedger(producer.ledger);
    const had = readLedger(consumer.ledger);
    const { asked, again } = checkPuts(made, producer.ledger);
    checkPuts(had, consumer.ledger);
    const got = byName(had, 'got');
    for (const [name, [asking]] of byName(made, 'asked')) {
      const receipts = got.get(name) ?? [];
      assert.equal(receipts.length, 1, `"${name}" was received ${receipts.length} times`);
      for (const { sum, version } of receipts) {
        assert.equal(sum, asking?.sum, `"${name}" has other bytes`);
        assert.equal(version, 1, `"${name}" was made twice`);
      }
    }
    checked.asked += asked;
    checked.acknowledged += byName(made, 'kept').size;
    checked.again += again;
    checked.received += got.size;
    checked.ended += checkDemands(had, consumer.ledger);
  }
  const strange = left.filter((name) => !name.startsWith('credit/'));
  assert.deepEqual(strange, [], 'what was removed is gone');
  return checked;
}
