import type { Effect, TransferEffect } from '../pool/state.js';
import { CONSISTENCY } from '../protocol/index.js';
import type { Canary } from './canaries.js';

/** Has every transfer that the pool asks for changed on its way. */
function changed(effects: Effect[], change: (effect: TransferEffect) => Effect): void {
  const push = effects.push.bind(effects);
  effects.push = (...more) =>
    push(...more.map((effect) => (effect.kind === 'transfer' ? change(effect) : effect)));
}

/** Bugs of open objects. */
export const OPEN_CANARIES: { readonly [name: string]: Canary } = {
  'who reads does not see what it has written and not committed': {
    breaks: 'G8 visible',
    mostly: 'opening',
    plant: ({ pool: { effects } }) => changed(effects, (effect) => ({ ...effect, over: [] })),
  },
  'what is written comes to another place': {
    breaks: 'G8 visible',
    mostly: 'opening',
    plant: ({ pool: { effects } }) =>
      changed(effects, (effect) => {
        const { whole, isWrite } = effect;
        const offset = whole.offset + (isWrite && whole.size > 64 ? 64 : 0);
        return { ...effect, whole: { ...whole, offset } };
      }),
  },
  'what is not committed is visible': {
    breaks: 'G8 visible',
    mostly: 'opening',
    plant: ({ pool: { open } }) => {
      const set = open.versions.set.bind(open.versions);
      open.versions.set = (row, version) => {
        const isHeld = version.consistency === CONSISTENCY.commit;
        return set(
          row,
          isHeld ? Object.assign(version, { consistency: CONSISTENCY.eventual }) : version,
        );
      };
    },
  },
  'locks of regions that overlap are held together': {
    breaks: 'who waits hears nothing',
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
  'a lock stays when its holder is gone': {
    breaks: 'invariants',
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
    mostly: 'opening',
    plant: ({ pool: { open } }) => {
      const set = open.versions.set.bind(open.versions);
      open.versions.set = (row, version) =>
        set(row, Object.defineProperty(version, 'writes', { get: () => 0, set: () => {} }));
    },
  },
};
