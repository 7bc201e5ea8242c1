import { ROW } from '../pool/events/event-log.js';
import { EVENT } from '../protocol/index.js';
import type { Canary } from './canaries.js';

const MOSTLY = { mostly: 'storing' } as const;

/** Bugs of what is stored, and of who is told where bytes are. */
export const STORING_CANARIES: { readonly [name: string]: Canary } = {
  'an offer takes effect before its bytes are safe': {
    ...MOSTLY,
    breaks: 'G1 stored',
    plant: (manager) => {
      const { events } = manager;
      const perform = events.onEffect.bind(events);
      events.onEffect = (effect) => {
        perform(effect);
        if (effect.kind !== 'store') return;
        manager.input({ kind: 'stored', ask: effect.ask, failure: null });
        events.onPlan();
      };
    },
  },
  'two offers of one name are stored at once': {
    ...MOSTLY,
    breaks: 'the store is asked',
    plant: ({ pool: { storingOf } }) => {
      storingOf.has = () => false;
    },
  },
  'another agent is not asked again for what is stored': {
    ...MOSTLY,
    breaks: 'the store is asked',
    machines: ({ pendingEffects }) => ({
      pendingEffects: (pool) => pendingEffects(pool).filter(({ kind }) => kind !== 'store'),
    }),
  },
  'copies stay in the store': {
    ...MOSTLY,
    breaks: 'the store is emptied',
    plant: ({ events }) => {
      const perform = events.onEffect.bind(events);
      events.onEffect = (effect) => {
        if (effect.kind !== 'unstore') perform(effect);
      };
    },
  },
  'where bytes are is not told': {
    ...MOSTLY,
    breaks: 'G5 all',
    plant: ({ pool: { events } }) => {
      const { after, log } = events;
      const each = after.each.bind(after);
      after.each = (values, visit) => {
        const isMoved = (log.get(log.end - 1, ROW.kind) & 0xff) === EVENT.moved;
        if (!isMoved) each(values, visit);
      };
    },
  },
};
