import type { State } from '../../../src/sim/oracle-state.js';

/** An operation, before it is known what it finds: its kind and what it picks by. */
export type Operation = readonly [kind: number, a: number, b: number, c: number, d: number];

/** How often each kind comes, of the sum of all. */
const KINDS = {
  join: 3,
  declare: 22,
  set: 3,
  seal: 2,
  offer: 16,
  withdraw: 8,
  require: 14,
  demand: 16,
  retract: 4,
  dispose: 10,
  delete: 3,
  tag: 3,
  unkeep: 2,
  promise: 4,
  close: 4,
  lease: 12,
  giveBack: 3,
  cancel: 3,
  stat: 3,
  leave: 1,
  end: 1,
  crash: 1,
  pass: 6,
} as const;
export type Kind = keyof typeof KINDS;
/** The states of a handle in which most operations find theirs. */
export const MEANT: Partial<Record<Kind, readonly State[]>> = {
  set: ['declared'],
  seal: ['declared'],
  offer: ['declared', 'sealed'],
  withdraw: ['offered'],
  require: ['declared', 'sealed'],
  demand: ['declared', 'sealed', 'required'],
  retract: ['required'],
  dispose: ['sealed', 'withdrawn', 'demanded', 'retracted', 'failed'],
};
export const DECK: readonly Kind[] = (Object.keys(KINDS) as Kind[]).flatMap((kind) =>
  Array.from({ length: KINDS[kind] }, () => kind),
);
