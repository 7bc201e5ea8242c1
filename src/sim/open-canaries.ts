import { WAIT_KIND } from '../pool/rows.js';
import type { Effect, PoolState, TransferEffect } from '../pool/state.js';
import { CONSISTENCY } from '../protocol/index.js';
import type { Canary } from './canaries.js';

/** Has every transfer that the pool asks for changed on its way. */
function changed(effects: Effect[], change: (effect: TransferEffect) => Effect): void {
  const push = effects.push.bind(effects);
  effects.push = (...more) =>
    push(...more.map((effect) => (effect.kind === 'transfer' ? change(effect) : effect)));
}

/** Has objects of one consistency treated as if they were of another. */
function takenFor({ versions }: PoolState['open'], meant: number, taken: number): void {
  const set = versions.set.bind(versions);
  versions.set = (row, version) =>
    set(
      row,
      version.consistency === meant ? Object.assign(version, { consistency: taken }) : version,
    );
}

/** Bugs of an agent that moves bytes over data connections. */
export const DATA_CANARIES: { readonly [name: string]: Canary } = {
  'what was granted to a data connection is written when it is leased no more': {
    breaks: 'data moves',
    first: 24,
    agent: { overtaking: [], late: [], isKept: true },
  },
  'what others have offered is not read over a data connection': {
    breaks: 'data moves',
    first: 47,
    agent: { overtaking: [], late: [], onlyLeases: true },
  },
};

/** Bugs of open objects. */
export const OPEN_CANARIES: { readonly [name: string]: Canary } = {
  'who reads does not see what it has written and not committed': {
    breaks: 'G8 late',
    first: 3,
    mostly: 'opening',
    plant: ({ pool: { effects } }) => changed(effects, (effect) => ({ ...effect, over: [] })),
  },
  'what is written comes to another place': {
    breaks: 'G8 visible',
    first: 32,
    mostly: 'opening',
    plant: ({ pool: { effects } }) =>
      changed(effects, (effect) => {
        const { whole, isWrite } = effect;
        const offset = whole.offset + (isWrite && whole.size > 64 ? 64 : 0);
        return { ...effect, whole: { ...whole, offset } };
      }),
  },
  'what is not committed is visible': {
    breaks: 'G8 early',
    first: 49,
    mostly: 'opening',
    plant: ({ pool: { open } }) => takenFor(open, CONSISTENCY.commit, CONSISTENCY.eventual),
  },
  'what is not closed is visible': {
    breaks: 'G8 early',
    first: 14,
    mostly: 'opening',
    plant: ({ pool: { open } }) => takenFor(open, CONSISTENCY.session, CONSISTENCY.eventual),
  },
  'POSIX: who reads may overtake writes, as under EVENTUAL': {
    breaks: 'G8 late',
    first: 12,
    mostly: 'opening',
    agent: { overtaking: ['posix'], late: [] },
  },
  'POSIX: a write is answered before it is there': {
    breaks: 'G8 late',
    first: 3,
    mostly: 'opening',
    agent: { overtaking: [], late: ['posix'] },
  },
  'COMMIT: it is answered before all is there': {
    breaks: 'G8 late',
    first: 4,
    mostly: 'opening',
    agent: { overtaking: [], late: ['commit'] },
  },
  'SESSION: a close is answered before all is there': {
    breaks: 'G8 late',
    first: 4,
    mostly: 'opening',
    agent: { overtaking: [], late: ['session'] },
  },
  'EVENTUAL: what is written lags without end': {
    breaks: 'G8 late',
    first: 3,
    mostly: 'opening',
    agent: { overtaking: ['eventual'], late: ['eventual'] },
  },
  'locks of regions that overlap are held together': {
    breaks: 'who waits hears nothing',
    first: 12,
    mostly: 'opening',
    plant: ({ pool: { open } }) => {
      const set = open.versions.set.bind(open.versions);
      open.versions.set = (row, version) => {
        version.locks.conflictsOf = () => [];
        return set(row, version);
      };
    },
  },
  'who asks for a lock overtakes those who wait': {
    breaks: 'who waits hears nothing',
    first: 20,
    mostly: 'opening',
    plant: ({ pool: { open } }) => {
      const set = open.versions.set.bind(open.versions);
      open.versions.set = (row, version) => {
        const conflictsOf = version.locks.conflictsOf.bind(version.locks);
        version.locks.conflictsOf = (asked) => conflictsOf(asked).filter(({ wait }) => wait === 0);
        return set(row, version);
      };
    },
  },
  'nobody is told that the deadline of its lock has passed': {
    breaks: 'answers',
    first: 14,
    mostly: 'opening',
    plant: ({ pool: { waits } }) => {
      const begin = waits.begin.bind(waits);
      waits.begin = (kind, session, request, subject, { now, deadline }) =>
        begin(kind, session, request, subject, {
          now,
          deadline: kind === WAIT_KIND.lock ? Number.POSITIVE_INFINITY : deadline,
        });
    },
  },
  'a lock stays when its holder is gone': {
    breaks: 'invariants',
    first: 3,
    mostly: 'opening',
    plant: ({ pool: { open } }) => {
      const set = open.versions.set.bind(open.versions);
      open.versions.set = (row, version) => {
        const remove = version.locks.remove.bind(version.locks);
        version.locks.remove = (passes) => remove((lock) => lock.wait !== 0 && passes(lock));
        return set(row, version);
      };
    },
  },
  'a seal is answered before all is written': {
    breaks: 'who waits hears nothing',
    first: 9,
    mostly: 'opening',
    plant: ({ pool: { open } }) => {
      const set = open.versions.set.bind(open.versions);
      open.versions.set = (row, version) =>
        set(row, Object.defineProperty(version, 'writes', { get: () => 0, set: () => {} }));
    },
  },
};
