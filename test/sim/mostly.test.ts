import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SPECIALS, type Special } from '../../src/sim/workload.js';
import { run } from '../../src/sim/world.js';
import { LENT } from './lent.js';
import { mustHold } from './must-hold.js';

const TICKS = 2_000;
const SEEDS = 20;

/** What comes seldom where all is done, and must happen in worlds that do mostly that. */
const MOSTLY: Readonly<Record<Special, readonly string[]>> = {
  opening: [
    'overtaken',
    'create',
    'open',
    'write-regions',
    'read-regions',
    'commit',
    'lock',
    'seal',
  ],
  growing: ['append', 'finish'],
  defining: ['gather', 'define', 'definitions', 'unknown-definition', 'definition-in-use'],
  conducting: [
    ...['subscribe', 'acknowledge', 'veto', 'unsubscribe', 'emit', 'vetoed', 'subscriber-silent'],
    ...['unknown-subscription', 'told of a snapshot', 'told before', 'told again', 'told end'],
    ...[
      'had all that there was',
      'told cancelled',
      'a broker had what was offered',
      'restart in the middle of holds',
    ],
  ],
  stepping: [
    ...['take', 'had what was required as it came', 'told again', 'told of a snapshot'],
    ...['told lost', 'told end', 'object-deleted', 'queue', 'told by a queue', 'told gap'],
    ...['steps were missed', 'unknown-definition', 'restart while offers wait for who is behind'],
  ],
  meeting: [
    ...['met', 'did not meet: deadline-passed', 'did not meet: cancelled'],
    ...['did not meet: bad-argument', 'did not meet: wrong-state'],
    'restart while members wait at barriers',
  ],
  grouping: [
    ...['offered as a group', 'had what was ready', 'had what a group has', 'told ready'],
    'vetoed as a group',
    ...['unknown-object', 'wrong-state', 'bad-argument', 'object-deleted'],
  ],
  storing: [
    ...['stored', 'not stored: disk-full', 'offered when it was stored', 'had what was stored'],
    ...['restored', 'told moved', 'told lost', 'restart while offers wait for the store'],
  ],
};

for (const mostly of SPECIALS) {
  test(`all promises hold where it is mostly ${mostly}`, async () => {
    const counts = new Map<string, number>();
    for (let seed = 1; seed <= SEEDS; seed++) {
      const result = await run(seed, { lent: LENT, ticks: TICKS, mostly });
      mustHold(result, `${TICKS} --mostly ${mostly}`);
      for (const [what, count] of result.counts) counts.set(what, (counts.get(what) ?? 0) + count);
    }
    for (const what of MOSTLY[mostly]) assert.ok((counts.get(what) ?? 0) > 0, `"${what}"`);
  });
}
