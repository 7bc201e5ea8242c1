import { unreachable } from '../core/assert.js';
import { Reader } from '../core/bytes.js';
import { compileGlob } from '../core/glob.js';
import { encodeUtf8 } from '../core/utf8.js';
import type { Value, ValueMap } from '../core/value.js';
import type { JournalRecord } from '../journal/record.js';
import { Decoder } from '../pool/decoder.js';
import { findObject, forEachHandle, memberOf } from '../pool/objects.js';
import { Messages } from '../protocol/index.js';
import { type Entry, readEntry } from './entries.js';
import type { Batch, PoolLoop } from './pool-loop.js';
import { type Answer, type Answers, readAnswers } from './told-answers.js';
import { demandsWaiting, ToldNames } from './told-names.js';
import { type RequestTold, tellRequest } from './told-request.js';

/** One thing that a record says: a request, a late answer to one, or what the shell has brought. */
export interface Told {
  /** `request`, `answer`, or what the shell brought: `session-opened`, `restart`, `tick`, ... */
  readonly kind: 'request' | 'answer' | ShellKind;
  /** 0: it is of no session. */
  readonly session: number;
  /** Whom it concerns, where that is known: the member that asked, or all of the session. */
  readonly members: readonly string[];
  /** Of a request or its answer; what it was is '' when it came before all that was read. */
  readonly request: number;
  readonly what: string;
  /** Of an answer: the record that its request is in, or 0. */
  readonly asked: number;
  /** Name of the object, or ''. */
  readonly object: string;
  /** Whether it concerns the object that is watched, if one is. */
  readonly isWatched: boolean;
  readonly fields: ValueMap;
  /** Null: there is none, or not yet in this record. */
  readonly answer: Answer | null;
}

type ShellKind = Exclude<Entry['kind'], 'messages' | 'acknowledged' | 'turn-ended'>;

/** A request that has no answer yet. */
interface Pending {
  readonly asked: number;
  readonly members: readonly string[];
  readonly what: string;
  readonly object: string;
  readonly isWatched: boolean;
}

/** What of a record is looked at. */
type Done = Pick<JournalRecord, 'number' | 'now' | 'check' | 'entries'>;
type Draft = Omit<Told, 'answer'>;

/** What is watched: whether a name or pattern concerns it. */
interface Watch {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/**
 * Tells in words what the records of a journal say, while a loop does them again: numbers become
 * names, as the pool knows them, and each request stands with its answer. A request is told where
 * it was done, which is behind the record that has it when the turn of its session had ended; one
 * that never was, as its session had ended, is not told. Keeps of what was told only the requests
 * that wait for an answer.
 */
export class Chronicle {
  readonly #watch: Watch | null;
  readonly #pending = new Map<number, Map<number, Pending>>();
  /** Requests that have not had their turn, in the order in which they came. */
  #undone: Draft[] = [];
  readonly #messages = new Messages();
  readonly #decoder = new Decoder();
  readonly #names = new Map<number, ToldNames>();
  #isBegun = false;

  /** `watch`: the name of an object that is looked for. */
  constructor(watch: string | null) {
    this.#watch = watch === null ? null : { name: watch, bytes: encodeUtf8(watch) };
  }

  /** Has the loop replay the next record, and tells what that says, in its order. */
  replay(record: Done, loop: PoolLoop): Told[] {
    if (!this.#isBegun) this.#begin(loop);
    this.#forgetNames();
    const drafts: Draft[] = [];
    const reader = new Reader(record.entries);
    while (reader.remaining > 0) this.#tellEntry(readEntry(reader), record.number, loop, drafts);
    const batch = loop.replay(record);
    const answers = readAnswers(batch.frames);
    const told = this.#done(drafts, loop, batch, answers).map((draft) =>
      this.#answered(draft, record.number, answers, batch),
    );
    for (const [session, given] of answers) {
      for (const [request, answer] of given) {
        const pending = this.#take(session, request);
        if (pending !== null) told.push(late(session, request, pending, answer));
      }
    }
    for (const session of this.#pending.keys()) {
      if (!loop.hasSession(session)) this.#pending.delete(session);
    }
    return told;
  }

  /** The requests that had not had their turn when the last record was read. */
  undone(): Told[] {
    return this.#undone.map((draft) => ({ ...draft, answer: null }));
  }

  /** What the pool does not know yet is named by what is undone. */
  #forgetNames(): void {
    const kept = new Set(this.#undone.map(({ session }) => session));
    for (const session of this.#names.keys()) if (!kept.has(session)) this.#names.delete(session);
  }

  /** What was done, of what a record says and of what was left off before it. */
  #done(drafts: readonly Draft[], loop: PoolLoop, batch: Batch, answers: Answers): Draft[] {
    const behind = new Set(this.#undone.map(({ session }) => session));
    const gone = new Set(drafts.filter(({ kind }) => kind === 'session-gone').map(sessionOf));
    const lastOf = (session: number): number => {
      if (loop.hasSession(session)) return (loop.turnOf(session) ?? Number.POSITIVE_INFINITY) - 1;
      if (gone.has(session) && !behind.has(session)) {
        return (batch.turnsEnded.get(session) ?? Number.POSITIVE_INFINITY) - 1;
      }
      // It has ended by the last request that was answered, or before what waited had its turn.
      return [...(answers.get(session)?.keys() ?? [])].reduce((a, b) => Math.max(a, b), 0);
    };
    const lasts = new Map<number, number>();
    const isDone = ({ kind, session, request }: Draft): boolean => {
      if (kind !== 'request') return true;
      const last = lasts.get(session) ?? lastOf(session);
      lasts.set(session, last);
      return request <= last;
    };
    const isBehind = (draft: Draft): boolean =>
      draft.kind === 'request' && behind.has(draft.session);
    const fresh = drafts.filter((draft) => !isBehind(draft));
    const all = [...fresh, ...this.#undone, ...drafts.filter(isBehind)];
    this.#undone = all.filter((draft) => !isDone(draft) && loop.hasSession(draft.session));
    return all.filter(isDone);
  }

  /** What waits already when the first record is read: for its turn, or for an answer. */
  #begin(loop: PoolLoop): void {
    this.#isBegun = true;
    for (const { session, waiting } of loop.sessions()) {
      const turn = loop.turnOf(session);
      if (turn === null) continue;
      this.#names.set(session, new ToldNames(loop.pool, session, turn - 1));
      for (const input of waiting) this.#tellMessages(input, 0, loop, this.#undone);
    }
    for (const { session, request, object, member } of demandsWaiting(loop.pool)) {
      const isWatched = this.#watch === null || object === this.#watch.name;
      const members = [member];
      this.#keep(session, request, { asked: 0, members, what: 'demand', object, isWatched });
    }
    for (const { session, request, object } of loop.pool.leaseWaits) {
      const isWatched = this.#watch === null || object === this.#watch.name;
      const members = [...session.members.values()].map(({ name }) => name);
      this.#keep(session.id, request, { asked: 0, members, what: 'lease', object, isWatched });
    }
  }

  #tellEntry(entry: Entry, record: number, loop: PoolLoop, drafts: Draft[]): void {
    if (entry.kind === 'messages') {
      this.#tellMessages(entry, record, loop, drafts);
      return;
    }
    if (entry.kind === 'acknowledged' || entry.kind === 'turn-ended') return;
    const session = 'session' in entry ? entry.session : 0;
    const isGone = entry.kind === 'session-gone';
    drafts.push({
      kind: entry.kind,
      session,
      members: session === 0 ? [] : this.#namesOf(session, loop).members(),
      request: entry.kind === 'adopted' ? entry.request : 0,
      what: '',
      asked: 0,
      object: '',
      isWatched:
        this.#watch === null ||
        entry.kind === 'restart' ||
        (isGone && this.#touches(loop, this.#watch, session)),
      fields: fieldsOf(entry),
    });
  }

  #tellMessages(
    entry: Extract<Entry, { kind: 'messages' }>,
    record: number,
    loop: PoolLoop,
    drafts: Draft[],
  ): void {
    const { session } = entry;
    const names = this.#namesOf(session, loop);
    const messages = this.#messages;
    messages.open(entry.bytes, entry.start, entry.end);
    while (messages.next()) {
      const { number, code, reader } = messages;
      // A frame that was sent again brings what has been told before.
      if (number <= names.received) continue;
      const request = tellRequest(reader, code, names, this.#decoder);
      drafts.push({
        kind: 'request',
        session,
        members: request.member === '' ? names.members() : [request.member],
        request: number,
        what: request.what,
        asked: record,
        object: request.object,
        isWatched: this.#isWatched(request, session, loop),
        fields: request.fields,
      });
    }
    names.received = Math.max(names.received, messages.first + messages.count - 1);
  }

  #isWatched({ object, what, fields }: RequestTold, session: number, loop: PoolLoop): boolean {
    const watch = this.#watch;
    if (watch === null) return true;
    if (object !== '') return object === watch.name;
    if (what === 'promise') return matches(fields['pattern'], watch.bytes);
    return (what === 'leave' || what === 'end') && this.#touches(loop, watch, session);
  }

  /** Whether a session has a handle on what is watched. */
  #touches({ pool }: PoolLoop, { bytes }: Watch, session: number): boolean {
    const object = findObject(pool, bytes, 0, bytes.length);
    if (object === 0) return false;
    let found = false;
    forEachHandle(pool, object, (handle) => {
      if (memberOf(pool, handle).session.id === session) found = true;
    });
    return found;
  }

  #namesOf(session: number, loop: PoolLoop): ToldNames {
    const known = this.#names.get(session);
    if (known !== undefined) return known;
    const names = new ToldNames(loop.pool, session, loop.receivedOf(session));
    this.#names.set(session, names);
    return names;
  }

  /** What was told with its answer, which is taken from those that the record has given. */
  #answered(draft: Draft, record: number, answers: Answers, { effects }: Batch): Told {
    if (draft.kind !== 'request') {
      const lost = effects.find(({ kind }) => kind === 'lost');
      if (draft.kind !== 'restart' || lost?.kind !== 'lost') return { ...draft, answer: null };
      const { versions, bytes } = lost;
      const fields = { ...draft.fields, versionsLost: versions, bytesLost: bytes };
      return { ...draft, fields, answer: null };
    }
    const { session, request, what, object, isWatched } = draft;
    const given = answers.get(session);
    const answer = given?.get(request) ?? null;
    if (answer === null) {
      const { members } = draft;
      this.#keep(session, request, { asked: record, members, what, object, isWatched });
      return { ...draft, answer };
    }
    given?.delete(request);
    const name = what === 'join' ? answer.fields['name'] : undefined;
    return { ...draft, members: typeof name === 'string' ? [name] : draft.members, answer };
  }

  #keep(session: number, request: number, pending: Pending): void {
    const kept = this.#pending.get(session) ?? new Map<number, Pending>();
    kept.set(request, pending);
    this.#pending.set(session, kept);
  }

  #take(session: number, request: number): Pending | null {
    const kept = this.#pending.get(session);
    const pending = kept?.get(request) ?? null;
    kept?.delete(request);
    return pending;
  }
}

const sessionOf = ({ session }: Draft): number => session;

function late(session: number, request: number, pending: Pending, answer: Answer): Told {
  return { ...pending, kind: 'answer', session, request, fields: {}, answer };
}

/** Whether a glob matches; one that is malformed, which the pool refuses, does not. */
function matches(pattern: Value | undefined, name: Uint8Array): boolean {
  if (typeof pattern !== 'string') return false;
  try {
    return compileGlob(pattern).matches(name, 0, name.length);
  } catch {
    return false;
  }
}

/** What an entry says beside its session. */
function fieldsOf(entry: Extract<Entry, { kind: ShellKind }>): ValueMap {
  switch (entry.kind) {
    case 'session-opened': {
      const { host = null, pid = null, command = null, client = null } = entry.process;
      return { host, pid, command, client };
    }
    case 'session-gone':
      return { why: entry.why };
    case 'slab-ready':
      return { slab: entry.slab, bytes: entry.size };
    case 'slab-failed':
      return { slab: entry.slab, bytes: entry.size, why: entry.why };
    case 'adopted':
      return {
        slab: entry.slab,
        bytes: entry.size,
        why: entry.failure?.message ?? null,
      };
    case 'transferred':
      return { transfer: entry.transfer };
    case 'stored':
      return { ask: entry.ask, why: entry.failure?.message ?? null };
    case 'measured':
      return { measured: entry.results.length };
    case 'drain':
      return { graceMs: entry.graceMs };
    case 'restart':
      return {
        ...entry.options,
        slabsLost: [...entry.slabsLost],
        restored: [...(entry.restored ?? [])],
      };
    case 'tick':
      return {};
    default:
      return unreachable(entry);
  }
}
