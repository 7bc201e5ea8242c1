import type { AttaccaError } from '../core/errors.js';
import type { Value } from '../core/value.js';
import { failure } from './emit.js';
import { nameOfMember } from './looking.js';
import { mayProvide, objectName } from './objects.js';
import { promisesOf } from './promises.js';
import { missingText, waitsUntilReady } from './readiness-told.js';
import { inWords, someOf } from './room.js';
import { HANDLE, OBJECT, VERSION, VERSION_FLAG, WAIT } from './rows.js';
import type { PoolState } from './state.js';
import { missingTold } from './wanted.js';

/** Who could end the wait for an object's next version, as far as the pool knows. */
export interface Awaited {
  readonly promisedBy: string[];
  readonly closedBy: string[];
  readonly graceOf: string[];
  /** The member that declared the object last, not to require it, and what became of it. */
  readonly declaredBy: string;
  /** Of an object that is open: who has created it. */
  readonly createdBy: string;
  readonly declarerGone: 'left' | 'crashed' | '';
}

export function awaited(pool: PoolState, object: number): Awaited {
  const promises = promisesOf(pool, object);
  const by = (state: string): string[] =>
    someOf(promises.filter((each) => each.state === state).map((each) => each.member));
  const declarer = declarerOf(pool, object);
  const gone = pool.departed.get(declarer);
  return {
    promisedBy: by('open'),
    closedBy: by('closed'),
    graceOf: by('grace'),
    declaredBy: pool.members.get(declarer)?.name ?? gone?.name ?? '',
    createdBy: creatorOf(pool, object),
    declarerGone: gone?.how ?? '',
  };
}

function creatorOf(pool: PoolState, object: number): string {
  const { objects, versions } = pool;
  const version = objects.get(object, OBJECT.current);
  if (version === 0) return '';
  const isOpen = (versions.get(version, VERSION.flags) & VERSION_FLAG.open) !== 0;
  if (!isOpen) return '';
  return nameOfMember(pool, versions.get(version, VERSION.providerMember));
}

/** The last declared handle that is there, and not a consumer's; else the last one that was. */
function declarerOf(pool: PoolState, object: number): number {
  let handle = pool.objects.get(object, OBJECT.handles);
  while (handle !== 0 && !mayProvide(pool, handle)) handle = pool.handles.get(handle, HANDLE.next);
  if (handle !== 0) return pool.handles.get(handle, HANDLE.member);
  return pool.objects.get(object, OBJECT.declarer);
}

/** In words: what the wait for the object's next version waits for. */
export function awaitedText(who: Awaited, consumer: string): string {
  if (who.createdBy !== '') return `${who.createdBy} created it, and nobody has sealed it`;
  if (who.promisedBy.length > 0) return `${inWords(who.promisedBy)} promised it`;
  if (who.graceOf.length > 0) return `${inWords(who.graceOf)} promised it and crashed`;
  if (who.closedBy.length > 0) return `${inWords(who.closedBy)} promised it and closed the promise`;
  if (who.declaredBy === '' || who.declaredBy === consumer) return 'nobody has promised it';
  const gone = who.declarerGone === '' ? '' : ` and has ${who.declarerGone}`;
  return `nobody has promised it; ${who.declaredBy} declared it last${gone}`;
}

/**
 * The error of a demand whose deadline has passed: it says for whom it waited. Its text has the
 * time that was asked for, so that it is the same on a host where timers come late; `waitedMs` is
 * measured.
 */
export function waitedFor(pool: PoolState, handle: number, wait: number): AttaccaError {
  const object = pool.handles.get(handle, HANDLE.object);
  const name = objectName(pool, object);
  const since = pool.waits.rows.getWide(wait, WAIT.since);
  const askedMs = pool.waits.rows.getWide(wait, WAIT.deadline) - since;
  const waitedMs = pool.now - since;
  const consumer = pool.members.get(pool.handles.get(handle, HANDLE.member))?.name ?? '';
  const who = awaited(pool, object);
  const fields: { [key: string]: Value } = {
    name,
    waitedMs,
    promisedBy: who.promisedBy,
    closedBy: who.closedBy,
    declaredBy: who.declaredBy,
  };
  if (waitsUntilReady(pool, handle)) {
    const version = pool.handles.get(handle, HANDLE.version);
    const why = `it was not ready within ${askedMs} ms; ${missingText(pool, version)}`;
    return failure('deadline-passed', `Cannot demand "${name}": ${why}`, fields);
  }
  const missing = missingTold(pool, handle);
  if (missing > 0) fields['missing'] = missing;
  const what = missing > 0 ? `${missing} of its elements were` : 'it was';
  return failure(
    'deadline-passed',
    `Cannot demand "${name}": ${what} not offered within ${askedMs} ms; ` +
      awaitedText(who, consumer),
    fields,
  );
}
