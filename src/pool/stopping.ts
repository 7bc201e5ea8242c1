import { refuse } from '../core/assert.js';
import { writeNotice } from '../protocol/index.js';
import { emit, emitValue } from './emit.js';
import type { Input } from './input.js';
import { stillRequired } from './looking.js';
import type { Session } from './sessions.js';
import type { PoolState } from './state.js';

/**
 * The pool is to end in order. From now on nobody comes in and nothing is offered; waits, and all
 * that gives something back, go on until the members have left or their time is over.
 */
export function drain(pool: PoolState, input: Extract<Input, { kind: 'drain' }>): void {
  pool.stopping = true;
  const { graceMs } = input;
  for (const session of pool.sessions.values()) {
    const out = emit(pool, session);
    writeNotice(out, 'pool-stopping', 'The pool is stopping: leave soon', { graceMs });
  }
}

/** STOP: ends the pool at once when nothing is required any more, or by force. */
export function stop(pool: PoolState, session: Session, request: number, force: boolean): void {
  const required = stillRequired(pool);
  emitValue(pool, session, request, { required });
  if (required.length > 0 && !force) return;
  pool.stopping = true;
  pool.effects.push({ kind: 'stop' });
}

/** `pool-stopping` for what a pool that ends does not begin any more. */
export function mustNotStop(pool: PoolState, action: string): void {
  if (pool.stopping) refuse('pool-stopping', `Cannot ${action}: the pool is stopping`);
}
