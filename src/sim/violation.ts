import { AssertionFailed } from '../core/assert.js';
import { checkInvariants } from '../pool/invariants.js';
import type { PoolState } from '../pool/state.js';

/**
 * What is checked, each by one checker: the name of a rule in reports tells which. For each there
 * is a canary that no other one finds.
 */
export const RULES = [
  // Answers and the book, against the model.
  ...(['answers', 'who waits hears nothing', 'counts', 'invariants'] as const),
  ...(['I2 slices', 'I2 messages', 'G8 visible', 'G8 early', 'G8 late', 'data moves'] as const),
  'statistics',
  ...(['G5 n', 'G5 all', 'G5 again', 'G5 snapshot', 'G5 ends', 'G5 holds'] as const),
  ...(['G5 stand', 'G5 steps'] as const),
  ...(['I9 found', 'I9 pages', 'I9 counts', 'I9 order', 'I9 changes'] as const),
  'definitions',
  'barriers',
  ...(['I4 grants', 'I4 sizes', 'I4 adopted', 'I4 slabs', 'I4 use', 'I5 bytes'] as const),
  // Sessions.
  ...(['answered once', 'no gaps', 'messages are in order', 'same bytes again'] as const),
  ...(['acks are of what came', 'requests are kept'] as const),
  ...(['sessions are kept', 'sessions are resumed'] as const),
  // Managers, one after another.
  ...(['slabs are kept', 'slabs are made once', 'batches are in order'] as const),
  ...(['released is found', 'what is found was stepped', 'a pool can be recovered'] as const),
  ...(['replay is the same', 'a closed segment is sound', 'the journal can be replayed'] as const),
  ...(['a clean stop keeps all', 'a clean stop says what is'] as const),
  ...(['a clean stop leaves no tail'] as const),
  // What is stored beside.
  ...(['G1 stored', 'the store is asked', 'the store is emptied'] as const),
  // The end.
  ...(['liveness', 'everybody ends', 'the agent answers', 'nothing is left'] as const),
] as const;
export type Rule = (typeof RULES)[number];

/** Of what selects objects. */
export type FindingRule = Extract<Rule, `I9 ${string}` | 'definitions'>;

/** Of what subscribers are told, and what waits for them. */
export type EventRule = Extract<Rule, `G5 ${string}`>;

/** Those whose checkers look on, and are not in the way of what goes on. */
export type Onlooker = Extract<
  Rule,
  | 'answers'
  | 'counts'
  | 'invariants'
  | 'I2 messages'
  | 'I5 bytes'
  | 'statistics'
  | 'messages are in order'
  | 'same bytes again'
  | 'replay is the same'
  | 'barriers'
  | FindingRule
  | EventRule
>;

/** A promise of the contract that was seen broken. */
export class Violation extends Error {
  override readonly name = 'Violation';
  readonly rule: Rule;

  constructor(rule: Rule, message: string) {
    super(`${rule}: ${message}`);
    this.rule = rule;
  }
}

/** What a pool counts of itself is true. */
export function invariantsHold(pool: PoolState): void {
  try {
    checkInvariants(pool);
  } catch (error) {
    if (!(error instanceof AssertionFailed)) throw error;
    throw new Violation('invariants', error.message);
  }
}

/** Throws a {@link Violation} unless `holds`. */
export function must(holds: boolean, rule: Rule, message: () => string): asserts holds {
  if (!holds) throw new Violation(rule, message());
}
