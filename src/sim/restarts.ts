import type { PoolState } from '../pool/state.js';

/** What another manager finds under way: seeds are looked for by it. */
export function underWay({ events, barriers, storing }: PoolState): string[] {
  const found = {
    'in the middle of holds': events.operationsHeld,
    'while offers wait for who is behind': events.stepWaits.size,
    'while members wait at barriers': barriers.byId.size,
    'while offers wait for the store': storing.size,
  };
  return Object.entries(found).flatMap(([what, count]) => (count > 0 ? [`restart ${what}`] : []));
}
