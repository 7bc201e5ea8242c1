import type { Canary } from './canaries.js';
import { CELL_BYTES } from './slabs.js';

/** Bugs of statistics. */
export const STATISTICS_CANARIES: { readonly [name: string]: Canary } = {
  'what is measured lies beside what is told': {
    breaks: 'statistics',
    first: 9,
    plant: ({ pool: { effects } }) => {
      const push = effects.push.bind(effects);
      effects.push = (...added) =>
        push(
          ...added.map((effect) => {
            if (effect.kind !== 'measure') return effect;
            const asked = effect.asked.map((each) => {
              const offset = Math.max(0, each.offset - CELL_BYTES);
              return { ...each, offset };
            });
            return { ...effect, asked };
          }),
        );
    },
  },
};
