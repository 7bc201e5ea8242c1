import { refuse } from '../../core/assert.js';
import { LIMITS } from '../../core/limits.js';
import {
  END,
  EVENT,
  EVENT_FLAG,
  MESSAGE,
  readEndSelected,
  readGather,
  readTagSelected,
  SUBSCRIBE,
} from '../../protocol/index.js';
import { membersOfGroup } from '../groups.js';
import { askerOf } from '../handles.js';
import { OBJECT, VERSION, VERSION_FLAG } from '../rows.js';
import {
  type Edits,
  editsOfGather,
  editsOfTag,
  type Selected,
  selectedToEnd,
} from '../selected.js';
import type { Member, Session } from '../sessions.js';
import type { PoolState } from '../state.js';
import { versionHas } from '../versions.js';
import { eachCandidate, wants } from './delivering.js';
import { type SelectedAhead, selectedAheadOf } from './held-selected.js';
import { addVersion } from './noting.js';

/**
 * Requests by a selector that others are told of before them: one operation of all the objects that
 * they select when they come. First it is looked who would be told of which, without telling
 * anybody, as it is refused where these are too many to wait as one; then all are told.
 */

/** What changes all that a selector selects. */
export const SELECTING: ReadonlySet<number> = new Set([
  ...[MESSAGE.tagSelected, MESSAGE.endSelected, MESSAGE.gather],
]);

const NONE: readonly number[] = [];
const TAG: readonly number[] = [EVENT.tag];
const DELETE: readonly number[] = [EVENT.delete];
const WITHDRAW: readonly number[] = [EVENT.withdraw];

/** What a request by a selector is about to do; nothing when it is dry. */
export function kindsOfSelected({ reader, decoder }: PoolState, code: number): readonly number[] {
  const { at } = reader;
  try {
    if (code === MESSAGE.tagSelected) {
      readTagSelected(reader, decoder.tagSelected);
      return decoder.tagSelected.dry === 1 ? NONE : TAG;
    }
    if (code === MESSAGE.gather) {
      readGather(reader, decoder.gather);
      return decoder.gather.dry === 1 ? NONE : TAG;
    }
    readEndSelected(reader, decoder.endSelected);
    if (decoder.endSelected.dry === 1) return NONE;
    return decoder.endSelected.how === END.unkeep ? WITHDRAW : DELETE;
  } finally {
    reader.at = at;
  }
}

/** What may happen to one object, of which somebody is to be told before. */
interface Ahead {
  readonly object: number;
  readonly version: number;
  readonly tags: number;
}

/** Who asks, which objects are selected, and what would happen to each. */
interface Selecting {
  readonly by: Member | null;
  readonly selected: Selected;
  readonly ahead: readonly Ahead[];
  readonly end: () => void;
}

interface SelectedTeller {
  /** Somebody has to let it go: refuses what is too much to be held. */
  readonly mayHold: (selected: SelectedAhead) => void;
  readonly tell: (seq: number) => void;
}

/**
 * Adds the events of what a request is about to do to all that it selects, and tells of each before
 * the next. Returns what was selected, if somebody has to let it go.
 */
export function announceSelected(
  pool: PoolState,
  session: Session,
  code: number,
  kind: number,
  { mayHold, tell }: SelectedTeller,
): SelectedAhead | null {
  const { by, selected, ahead, end } = selecting(pool, session, code);
  const add = ({ object, version, tags }: Ahead): number =>
    addVersion(pool, kind | (EVENT_FLAG.before << 8), by, object, version, tags);
  try {
    let isAsked = false;
    const told = ahead.filter((each) => {
      let isTold = false;
      eachCandidate(pool, pool.events.before, add(each), (one) => {
        if (!wants(pool, one, pool.events.log.end - 1, one.passesRest)) return;
        isTold = true;
        if ((one.flags & SUBSCRIBE.acknowledge) !== 0) isAsked = true;
      });
      pool.events.log.undo();
      return isTold;
    });
    let held: SelectedAhead | null = null;
    if (isAsked) {
      checkSize(selected, told.length);
      held = selectedAheadOf(pool, selected.objects);
      mayHold(held);
    }
    for (const each of told) tell(add(each));
    return held;
  } finally {
    end();
  }
}

/** Refuses with `too-large` what does not wait as one. */
function checkSize({ objects, next }: Selected, told: number): void {
  const limit = LIMITS.selectedHeldMax;
  if (next === null && objects.length <= limit && told <= limit) return;
  const why = `subscribers are asked of it, and at most ${limit} objects wait for them as one`;
  refuse('too-large', `Cannot change all that is selected: ${why}: use a narrower selector`, {
    limit,
  });
}

function selecting(pool: PoolState, session: Session, code: number): Selecting {
  const { reader, decoder } = pool;
  if (code === MESSAGE.endSelected) {
    readEndSelected(reader, decoder.endSelected);
    const { how, member } = decoder.endSelected;
    const by = askerOf(session, member);
    const selected = selectedToEnd(pool, decoder.endSelected);
    const ahead = how === END.unkeep ? unkept(pool, selected) : deleted(pool, selected);
    return { by, selected, ahead, end: () => {} };
  }
  if (code === MESSAGE.gather) {
    readGather(reader, decoder.gather);
    return retagged(pool, editsOfGather(pool, session, decoder.gather));
  }
  readTagSelected(reader, decoder.tagSelected);
  return retagged(pool, editsOfTag(pool, session, decoder.tagSelected));
}

function deleted({ objects }: PoolState, selected: Selected): Ahead[] {
  return selected.objects.map((object) => {
    const tags = objects.get(object, OBJECT.tags);
    return { object, version: objects.get(object, OBJECT.current), tags };
  });
}

/** What is kept, each behind what is in it. */
function unkept(pool: PoolState, selected: Selected): Ahead[] {
  const { objects, versions } = pool;
  const ending = new Set<number>();
  for (const each of selected.objects) {
    const current = objects.get(each, OBJECT.current);
    if (current === 0 || !versionHas(pool, current, VERSION_FLAG.scopePool)) continue;
    for (const member of membersOfGroup(pool, current)) {
      if (versionHas(pool, member, VERSION_FLAG.offered)) ending.add(member);
    }
    ending.add(current);
  }
  return [...ending].map((version) => {
    const object = versions.get(version, VERSION.object);
    return { object, version, tags: objects.get(object, OBJECT.tags) };
  });
}

/** What gets other tags. */
function retagged(pool: PoolState, edits: Edits): Selecting {
  const { objects, attributes } = pool;
  const { by, retagging, told } = edits;
  const ahead: Ahead[] = [];
  const records: number[] = [];
  const end = (): void => {
    for (const record of records) attributes.free(record);
    edits.end();
  };
  try {
    const selected = retagging.ahead(edits.selected, (alike, before, after) => {
      const tags = told(before, after);
      records.push(tags);
      for (const object of alike) {
        ahead.push({ object, version: objects.get(object, OBJECT.current), tags });
      }
    });
    return { by, selected, ahead, end };
  } catch (error) {
    end();
    throw error;
  }
}
