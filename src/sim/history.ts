import { unreachable } from '../core/assert.js';
import { isErrorCode } from '../core/errors.js';
import type { ShellInput } from '../loop/entries.js';
import { VERSION, VERSION_FLAG } from '../pool/rows.js';
import type { Effect, PoolState } from '../pool/state.js';
import { FRAME_HEADER_SIZE, MESSAGE, Messages } from '../protocol/index.js';
import { readAnswer } from './answers.js';
import { EventCheck } from './event-check.js';
import type { Following } from './following.js';
import type { Lived } from './ledger.js';
import type { Batch, Entry } from './manager.js';
import { compareMeasured } from './measured.js';
import type { ClientProcess } from './member.js';
import type { Oracle } from './oracle.js';
import { type Expected, Refusal } from './oracle-state.js';
import type { SimStore } from './store.js';
import type { MToStore } from './store-oracle.js';
import { must, type Onlooker, type Rule } from './violation.js';

/** What a pool counts of itself. */
export type Counts = Oracle['counts'];

export function countsOf(pool: PoolState): Counts {
  const closed = [...pool.promises.values()].filter(({ state }) => state === 'closed').length;
  const { extents } = pool;
  return {
    sessions: pool.sessions.size,
    members: pool.members.size,
    objects: pool.objects.used,
    handles: pool.handles.used,
    versions: pool.versions.used,
    requires: pool.requiresOpen,
    readers: pool.readerLeases,
    waits: pool.waits.used - pool.timers,
    timers: pool.timers,
    promises: pool.promises.size - closed,
    promisesClosed: closed,
    bytesTotal: extents.bytesTotal,
    // Of an adopted file, what is given back is of no use before all of it is.
    bytesFree: extents.bytesFree + extents.bytesDead,
    held: pool.events.operationsHeld,
    subscriptions: pool.events.subscriptions.size,
    kept: keptIn(pool),
    ahead: pool.events.stepWaits.size,
    barriers: pool.barriers.byId.size,
    arrivals: arrivalsIn(pool),
    ...stepsIn(pool),
  };
}

/** Steps that are offered in all queues, and the sum of their numbers. */
function stepsIn(pool: PoolState): { readonly steps: number; readonly stepSum: number } {
  let [steps, stepSum] = [0, 0];
  for (const { stepOf } of pool.events.queues.values()) {
    const offered = new Set<number>();
    for (const [version, step] of stepOf) {
      const flags = pool.versions.get(version, VERSION.flags);
      if ((flags & VERSION_FLAG.offered) !== 0) offered.add(step);
    }
    steps += offered.size;
    for (const step of offered) stepSum += step;
  }
  return { steps, stepSum };
}

/** Members that wait at barriers. */
function arrivalsIn({ barriers }: PoolState): number {
  return [...barriers.byId.values()].reduce((sum, { arrivals }) => sum + arrivals.size, 0);
}

/** Versions that standing requires keep. */
function keptIn({ versions }: PoolState): number {
  let kept = 0;
  for (let row = 1; row < versions.end; row++) {
    if (versions.has(row) && versions.get(row, VERSION.pins) > 0) kept++;
  }
  return kept;
}

/** All have left: nothing of them is left, and nothing that somebody was asked for. */
export function mustBeEmpty(pool: PoolState, store: SimStore): void {
  const copies = store.keys;
  must(copies.length === 0, 'the store is emptied', () => `${copies} are in the store`);
  const { extents } = pool;
  const asked = pool.adoptsPending.size + (pool.slabPending === null ? 0 : 1);
  must(
    asked === 0,
    'the agent answers',
    () => `${asked} things that the agent was asked for are not there`,
  );
  // What has happened is told of what is gone: it is all that may be left of it.
  pool.events.log.clear();
  const left = {
    sessions: pool.sessions.size,
    members: pool.members.size,
    objects: pool.objects.used,
    handles: pool.handles.used,
    versions: pool.versions.used,
    waits: pool.waits.used,
    leaseWaits: pool.leaseWaits.length,
    arena: pool.arena.bytesUsed,
    inline: pool.bytesInline,
    spaces: pool.spaces.used,
    memory: extents.bytesTotal - extents.bytesFree,
  };
  for (const [what, count] of Object.entries(left)) {
    must(count === 0, 'nothing is left', () => `${count} of ${what}`);
  }
}

/** What a pool has asked to be stored. */
function storesAmong(effects: readonly Effect[]): (MToStore & { readonly ask: number })[] {
  return effects.flatMap((effect) => {
    if (effect.kind !== 'store') return [];
    const { ask, name, version, slab, offset, size } = effect;
    return [{ ask, name, version, range: { slab, offset, size } }];
  });
}

/** Requests that a pool whose journal has no room does not begin. */
const NEW_WORK: ReadonlySet<string> = new Set([
  ...['join', 'declare', 'set', 'offer', 'require', 'tag', 'promise', 'lease', 'adopt'],
  ...['tag-selected', 'gather', 'define', 'queue', 'offer-part', 'append', 'region'],
  ...[
    'offer-group',
    'create',
    'open',
    'write-regions',
    'read-regions',
    'lock',
    'subscribe',
    'emit',
  ],
]);

/** A request by its number, and whether the journal had no room when it came. */
interface Asked {
  readonly number: number;
  readonly noRoom: boolean;
}

/**
 * Makes the model live through what the manager has taken in and kept, batch by batch. What a
 * request meant is taken from who asked, not from its bytes.
 */
export class History {
  readonly oracle: Oracle;
  readonly #following: Following;
  readonly #processOf: (connection: number) => ClientProcess;
  readonly #sessions = new Map<number, { readonly process: ClientProcess; taken: number }>();
  /** What was taken of sessions and has its turn behind others, in the order of the turns. */
  readonly #waiting = new Map<number, Asked[]>();
  readonly #messages = new Messages();
  readonly #events: EventCheck;

  constructor(
    oracle: Oracle,
    following: Following,
    processOf: (connection: number) => ClientProcess,
  ) {
    this.oracle = oracle;
    this.#following = following;
    this.#processOf = processOf;
    this.#events = new EventCheck(oracle.events, oracle.groups);
  }

  apply(batch: Batch): void {
    for (const { session, bytes } of batch.frames) this.#observe(session, bytes);
    this.oracle.pass(batch.now - this.oracle.now);
    const resumed = [...this.#waiting.keys()];
    for (const entry of batch.entries) this.#entry(entry, batch.turnsEnded);
    for (const session of resumed) this.#resume(session, batch.turnsEnded.get(session));
    // What has stood in a lane past its deadline ends in the batch in which its turn is.
    this.oracle.pass(0);
    for (const effect of batch.effects) {
      if (effect.kind === 'slab-gone') this.#following.removeSlab(effect.slab);
    }
    this.oracle.holds.stores.endBatch(storesAmong(batch.effects));
    this.#following.endBatch();
  }

  /** What a pool has said of itself, by the rules that are looked at. */
  compare(
    { counts, measured }: Pick<Lived, 'counts' | 'measured'>,
    looksAt: (rule: Onlooker) => boolean,
  ): void {
    if (looksAt('G5 holds') || looksAt('G5 ends')) this.#compareEvents(counts, looksAt);
    if (looksAt('G5 stand')) {
      const { kept } = this.oracle.events;
      must(counts['kept'] === kept, 'G5 stand', () => `${counts['kept']} are kept, not ${kept}`);
    }
    if (looksAt('G5 steps')) this.#compareSteps(counts);
    if (looksAt('barriers')) this.#compareAll(counts, 'barriers', this.oracle.meetings.counts);
    this.#events.endBatch(looksAt);
    if (looksAt('counts')) this.#compareCounts(counts);
    if (looksAt('statistics')) compareMeasured(measured, this.oracle);
    if (looksAt('I5 bytes')) this.#compareBytes(counts);
  }

  /** As many operations are held as must be, and as many subscriptions are there. */
  #compareEvents({ held, subscriptions }: Counts, looksAt: (rule: Onlooker) => boolean): void {
    const { holds, events } = this.oracle;
    if (looksAt('G5 holds')) {
      must(held === holds.count, 'G5 holds', () => `${held} are held, not ${holds.count}`);
    }
    if (!looksAt('G5 ends')) return;
    const { size } = events.subscriptions;
    const words = (): string => `${subscriptions} subscriptions are there, not ${size}`;
    must(subscriptions === size, 'G5 ends', words);
  }

  /** As many steps are offered as must be, those, and as many offers wait for who is behind. */
  #compareSteps(counts: Counts): void {
    const { steps, holds } = this.oracle;
    this.#compareAll(counts, 'G5 steps', { ...steps.counts, ahead: holds.ahead });
  }

  #compareAll(found: Counts, rule: Rule, meant: Counts): void {
    for (const [what, count] of Object.entries(meant)) {
      must(found[what] === count, rule, () => `${what}: ${found[what]}, not ${count}`);
    }
  }

  /** What a pool has counted of itself is what the model counts. */
  #compareCounts(found: Counts): void {
    this.#compareAll(found, 'counts', this.oracle.counts);
  }

  /** As many bytes are there and are free as the book of memory says. */
  #compareBytes({ bytesTotal, bytesFree }: Counts): void {
    const { free, total } = this.#following.bytes;
    const words = (): string =>
      `${bytesFree} of ${bytesTotal} bytes of slabs are free, not ${free} of ${total}`;
    must(total === bytesTotal && free === bytesFree, 'I5 bytes', words);
  }

  /** Which memory was granted is the pool's to choose. */
  #observe(session: number, bytes: Uint8Array): void {
    const messages = this.#messages;
    messages.open(bytes, FRAME_HEADER_SIZE, bytes.length);
    while (messages.next()) {
      if (messages.code === MESSAGE.event) this.#events.observe(session, messages.reader);
      if (messages.code !== MESSAGE.grant && messages.code !== MESSAGE.fail) continue;
      const read = readAnswer(messages, () => []);
      if (read === null) continue;
      const { request, answer } = read;
      const key = `${session}/${request}`;
      if (answer.kind === 'grant') this.#following.observe(key, answer.range);
      else if (answer.kind === 'fail' && isErrorCode(answer.code)) {
        this.#following.failures.set(key, answer.code);
      }
    }
  }

  #entry(entry: Entry, turnsEnded: ReadonlyMap<number, number>): void {
    switch (entry.kind) {
      case 'opened': {
        const process = this.#processOf(entry.connection);
        this.#sessions.set(entry.session, { process, taken: 0 });
        this.oracle.open(entry.session);
        return;
      }
      case 'messages':
        this.#requests(entry, turnsEnded.get(entry.session));
        return;
      case 'input':
        this.#input(entry.input);
        return;
      default:
        unreachable(entry);
    }
  }

  /** Those of a frame that have not come before. */
  #requests(
    { session, bytes, noRoom }: Extract<Entry, { kind: 'messages' }>,
    turnEnd: number | undefined,
  ): void {
    const known = this.#sessions.get(session);
    const messages = this.#messages;
    messages.open(bytes, 0, bytes.length);
    const end = messages.first + messages.count;
    if (known === undefined) return;
    let waiting = this.#waiting.get(session);
    for (let number = known.taken + 1; number < end; number++) {
      known.taken = number;
      if (waiting === undefined && number === turnEnd) {
        waiting = [];
        this.#waiting.set(session, waiting);
      }
      if (waiting === undefined) this.#request(session, { number, noRoom });
      else waiting.push({ number, noRoom });
    }
  }

  /** Goes on with what waits, but for that before which the turn ended again. */
  #resume(session: number, turnEnd: number | undefined): void {
    const waiting = this.#waiting.get(session) ?? [];
    const at = waiting.findIndex(({ number }) => number === turnEnd);
    const turn = waiting.splice(0, at < 0 ? waiting.length : at);
    for (const asked of turn) this.#request(session, asked);
    if (turn.length > 0) this.#waiting.delete(session);
    if (waiting.length > 0) this.#waiting.set(session, waiting);
  }

  #request(session: number, { number, noRoom }: Asked): void {
    const client = this.oracle.sessions.get(session);
    const request = this.#sessions.get(session)?.process.requests[number - 1];
    // After its END nothing takes effect.
    if (client === undefined || request === undefined) return;
    const isRefused = noRoom && NEW_WORK.has(request.words.split(' ')[0] ?? '');
    if (isRefused) {
      this.oracle.request(client, number, () => {
        throw new Refusal('journal-full');
      });
      return;
    }
    const apply = (): Expected | null => request.apply(this.oracle, client, number);
    this.oracle.request(client, number, apply, request);
  }

  /** What is not there any more is lost; of a slab that was made anew all that is not stored. */
  #restart(input: Extract<ShellInput, { kind: 'restart' }>): void {
    const { oracle } = this;
    const inSlabs = this.#following.inSlabs.get(input) ?? [];
    oracle.restart(new Set(input.slabsLost), inSlabs);
    for (const slab of input.slabsLost) {
      const isAnew = inSlabs.some((each) => each.isBack && each.slab === slab);
      if (isAnew) this.#following.freeLeases(slab);
      else this.#following.loseSlab(slab);
    }
    oracle.releaseStores();
    oracle.serve();
  }

  #input(input: ShellInput): void {
    const { oracle } = this;
    switch (input.kind) {
      case 'session-gone': {
        const session = oracle.sessions.get(input.session);
        if (session !== undefined) oracle.gone(session);
        return;
      }
      case 'slab-ready':
        this.#following.addSlab(input.slab, input.size);
        oracle.serve();
        return;
      case 'adopted': {
        const session = oracle.sessions.get(input.session);
        if (session === undefined) return;
        const { request, slab, failure } = input;
        if (failure !== null) oracle.answer(session, request, { kind: 'fail', code: failure.code });
        else {
          const range = this.#following.adopted(session, request, slab);
          oracle.answer(session, request, { kind: 'grant', range });
        }
        return;
      }
      case 'drain':
        oracle.stopping = true;
        return;
      case 'restart':
        this.#restart(input);
        return;
      case 'transferred':
        oracle.transferred(input.transfer);
        return;
      case 'stored':
        oracle.stored(input.ask, input.failure?.code ?? null);
        return;
      case 'measured':
      case 'slab-failed':
      case 'tick':
        return;
      default:
        unreachable(input);
    }
  }
}
