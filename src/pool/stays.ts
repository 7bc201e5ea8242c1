import { Reader, Writer } from '../core/bytes.js';
import type { ValueMap } from '../core/value.js';
import { readMap, writeMap } from '../core/value-codec.js';
import { ACTIVITY, STAY } from './provenance.js';
import { commandOf, type Member, type Session } from './sessions.js';
import type { PoolState } from './state.js';

/** A member has joined: what is remembered of its stay, and of the process behind it. */
export function beginStay(
  pool: PoolState,
  session: Session,
  { id, name, info }: Pick<Member, 'id' | 'name' | 'info'>,
): number {
  const { arena, activities } = pool.provenance;
  const w = new Writer();
  const command = commandOf(session.process, info);
  writeMap(w, { ...session.process, ...(command === null ? {} : { command }), name });
  const told = arena.store(w.bytes, 0, w.at);
  pool.provenance.bytesPresent += arena.bytesOf(told);
  const activity = activities.allocate();
  activities.set(activity, ACTIVITY.member, id);
  activities.set(activity, ACTIVITY.session, session.id);
  activities.set(activity, ACTIVITY.told, told);
  activities.setWide(activity, ACTIVITY.since, pool.options.wallMs + pool.now);
  return activity;
}

/** A member is gone; what it made and used is remembered. */
export function endStay(pool: PoolState, activity: number, how: 'left' | 'crashed'): void {
  const { activities, arena } = pool.provenance;
  pool.provenance.bytesPresent -= arena.bytesOf(activities.get(activity, ACTIVITY.told));
  activities.set(activity, ACTIVITY.stay, STAY[how]);
  activities.setWide(activity, ACTIVITY.until, pool.options.wallMs + pool.now);
  pool.provenance.forgetIfOver(activity);
}

/** What a member was: `name`, `command`, and of its process `host`, `pid`, `client`. */
export function toldOfStay(pool: PoolState, activity: number): ValueMap {
  const { arena, activities } = pool.provenance;
  const reader = new Reader();
  arena.read(reader, activities.get(activity, ACTIVITY.told), 0);
  return readMap(reader);
}
