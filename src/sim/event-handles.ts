import type { Client } from './asking.js';

/** A handle on an object that is followed, as its client believes it to be. */
export interface EventHandle {
  readonly number: number;
  readonly name: string;
  readonly member: number;
  state: 'declared' | 'offered' | 'withdrawn' | 'required' | 'retracted';
}

/** What a client has beside the book of all others, where it plays events. */
export class Playing {
  readonly handles = new Map<number, EventHandle>();
  /** The members that have its subscriptions, by their numbers. */
  readonly subscriptions = new Map<number, number>();
  readonly promises = new Map<number, number>();
  /** Events that it was told of, from which others may begin. */
  seen: readonly number[] = [];
  made = 0;

  /** What a member had is gone. */
  drop(member: number): void {
    for (const { number, member: by } of this.handles.values()) {
      if (by === member) this.handles.delete(number);
    }
    for (const list of [this.subscriptions, this.promises]) {
      for (const [number, by] of list) if (by === member) list.delete(number);
    }
  }
}

/** Handles in a state, of members that are there. */
export function handlesOf({ holdings }: Client, state: EventHandle['state']): EventHandle[] {
  return [...holdings.playing.handles.values()].filter((each) => each.state === state);
}
