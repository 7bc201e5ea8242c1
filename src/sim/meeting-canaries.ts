import type { Barriers } from '../pool/barriers.js';
import type { PoolState } from '../pool/state.js';
import type { Canary } from './canaries.js';

type Barrier = Parameters<Barriers['add']>[0];
type Changing = { -readonly [Field in keyof Barrier]: Barrier[Field] };

/** Changes each barrier: as it comes, and those that a manager finds. */
function each({ barriers }: PoolState, change: (one: Changing) => void): void {
  const add = barriers.add.bind(barriers);
  for (const one of barriers.byId.values()) change(one);
  barriers.add = (one) => {
    change(one);
    add(one);
  };
}

const MOSTLY = { mostly: 'meeting' } as const;

/** Bugs of barriers. */
export const MEETING_CANARIES: { readonly [name: string]: Canary } = {
  'a barrier opens when one has not come': {
    ...MOSTLY,
    breaks: 'who waits hears nothing',
    plant: ({ pool }) => {
      each(pool, (one) => {
        if (one.members > 2) one.members--;
      });
    },
  },
  'who has gone passes for one who is there': {
    ...MOSTLY,
    breaks: 'barriers',
    plant: ({ pool }) => {
      each(pool, ({ arrivals }) => {
        arrivals.delete = () => true;
      });
    },
  },
  'the last who goes leaves a barrier behind': {
    ...MOSTLY,
    breaks: 'barriers',
    plant: ({ pool: { barriers } }) => {
      barriers.remove = ({ name }) => {
        barriers.byName.delete(name);
      };
    },
  },
  'the next manager has forgotten who waits where': {
    ...MOSTLY,
    breaks: 'barriers',
    plant: ({ pool: { barriers } }) => {
      barriers.byName.clear();
    },
  },
  'of those who met the first hears nothing of it': {
    ...MOSTLY,
    breaks: 'counts',
    plant: ({ pool }) => {
      each(pool, ({ arrivals }) => {
        arrivals[Symbol.iterator] = () => new Map([...arrivals.entries()].slice(1)).entries();
      });
    },
  },
};
