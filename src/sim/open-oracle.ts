import { CONSISTENCIES } from '../protocol/index.js';
import {
  type Book,
  type Expected,
  type MAwaiting,
  type MHandle,
  type MLock,
  type MMoving,
  type MOpen,
  type MSession,
  type MSight,
  type MVersion,
  type MWritten,
  type Payload,
  type Range,
  Refusal,
} from './oracle-state.js';

/** What of the model the rules of open objects go on with. */
interface OpenPort {
  readonly sessions: ReadonlyMap<number, MSession>;
  readonly book: Book;
  answer(session: MSession, request: number, answer: Expected): void;
  bind(version: MVersion): void;
  forget(version: MVersion): void;
}

const OK = { kind: 'ok' } as const;

/**
 * Open objects, as the contract has them: cells in which the last write that was committed stands,
 * transfers that the agent does one after the other, locks that exclude one another.
 */
export class OpenOracle {
  readonly #port: OpenPort;
  /** As the pool numbers them. */
  #next = 1;

  constructor(port: OpenPort) {
    this.#port = port;
  }

  begin(version: MVersion, consistency: number, mark: number): void {
    version.open = {
      consistency: CONSISTENCIES[consistency] ?? 'posix',
      cells: Array.from({ length: LENGTH / CELL }, () => [{ mark, by: null, isDone: true }]),
      held: new Set(),
      locks: [],
      sealing: null,
    };
    for (const handle of [...version.object.handles]) {
      if (handle.state !== 'opening' || handle.opening === null) continue;
      const { request } = handle.opening;
      handle.opening = null;
      const mismatches = version.mismatches(handle);
      handle.state = mismatches ? 'sealed' : 'opened';
      if (!mismatches) handle.version = version;
      const answer = mismatches
        ? ({ kind: 'fail', code: 'object-mismatch' } as const)
        : ({ kind: 'opened', version } as const);
      this.#port.answer(handle.member.session, request, answer);
    }
  }

  open(handle: MHandle, request: number, deadline: number): Expected | null {
    if (handle.state !== 'declared' && handle.state !== 'sealed') throw new Refusal('wrong-state');
    const { current } = handle.object;
    if (current === null) {
      handle.state = 'opening';
      handle.opening = { request, deadline };
      return null;
    }
    if (current.open === null) throw new Refusal('wrong-state');
    if (current.mismatches(handle)) throw new Refusal('object-mismatch');
    handle.state = 'opened';
    handle.version = current;
    return { kind: 'opened', version: current };
  }

  /** OPEN ends without. */
  endOpening(handle: MHandle, code: 'deadline-passed' | 'cancelled' | null): void {
    const { opening } = handle;
    handle.opening = null;
    handle.state = 'sealed';
    if (opening === null || code === null) return;
    this.#port.answer(handle.member.session, opening.request, { kind: 'fail', code });
  }

  takesPart({ state, version }: MHandle): boolean {
    return state === 'opened' || (state === 'offered' && version !== null && version.open !== null);
  }

  #open(handle: MHandle): { readonly version: MVersion; readonly open: MOpen } {
    const { state, version } = handle;
    const open = state === 'opened' || state === 'offered' ? (version?.open ?? null) : null;
    if (version === null || open === null || open.sealing !== null) {
      throw new Refusal('wrong-state');
    }
    return { version, open };
  }

  write(
    handle: MHandle,
    request: number,
    of: { readonly cells: readonly number[]; readonly mark: number; readonly payload: Payload },
  ): Expected | null {
    const { version, open } = this.#open(handle);
    const { cells, payload } = of;
    this.#check(version, cells);
    if (cells.length === 0) return OK;
    if (version.dtype !== 'uint8') throw new Refusal('size-mismatch');
    const { session } = handle.member;
    if (payload.kind === 'slice' && !this.#port.book.offered(session, payload.range)) {
      throw new Refusal('bad-lease');
    }
    const isHeld = open.consistency === 'commit' || open.consistency === 'session';
    const isLate = open.consistency === 'posix';
    const range = payload.kind === 'slice' ? payload.range : null;
    const moving = this.#keep(handle, version, { ...of, range, isWrite: true, isHeld });
    moving.request = isLate ? request : 0;
    if (isHeld) open.held.add(moving.mark);
    else this.#issue(open, moving);
    return isLate ? null : OK;
  }

  read(
    handle: MHandle,
    request: number,
    of: { readonly cells: readonly number[]; readonly range: Range; readonly sights: MSight[] },
  ): Expected | null {
    const { version, open } = this.#open(handle);
    const { cells, range, sights } = of;
    this.#check(version, cells);
    if (cells.length === 0) return OK;
    if (version.dtype !== 'uint8') throw new Refusal('size-mismatch');
    if (!this.#port.book.offered(handle.member.session, range)) throw new Refusal('bad-lease');
    const moving = this.#keep(handle, version, {
      ...{ cells, range, mark: 0, isWrite: false, isHeld: false },
    });
    moving.request = request;
    moving.sights = sights;
    for (const cell of cells) sights.push(this.#sight(version, open, moving, cell));
    return null;
  }

  /**
   * Whoever asks sees all that was written before: under EVENTUAL what it has written itself, and
   * of others only what the agent has done. What is written until it is answered may be seen, too.
   */
  #sight(version: MVersion, open: MOpen, { member }: MMoving, cell: number): MSight {
    const written = open.cells[cell] ?? [];
    const held = version.moving.filter(
      (each) => each.isHeld && each.member === member && each.cells.includes(cell),
    );
    const own = held.at(-1)?.mark ?? null;
    const isSure = ({ by, isDone }: MWritten): boolean =>
      open.consistency !== 'eventual' || isDone || by === member;
    const from = own === null ? written.findLastIndex(isSure) : written.length;
    return { own, written, from, end: Number.POSITIVE_INFINITY, held: open.held };
  }

  /** A cell has as many elements as it has bytes: those of more bytes do not fit. */
  #check({ length }: MVersion, cells: readonly number[]): void {
    if (cells.some((cell) => (cell + 1) * CELL > length)) throw new Refusal('bad-region');
  }

  #keep(
    handle: MHandle,
    version: MVersion,
    of: Pick<MMoving, 'cells' | 'mark' | 'range' | 'isWrite' | 'isHeld'>,
  ): MMoving {
    const { member } = handle;
    const moving: MMoving = {
      ...of,
      id: this.#next++,
      member,
      session: member.session,
      request: 0,
      droppedAt: 0,
      awaiting: null,
      sights: [],
      issued: null,
    };
    version.moving.push(moving);
    return moving;
  }

  /** What is written is there from now on, for whoever asks after that. */
  #issue(open: MOpen, moving: MMoving): void {
    moving.isHeld = false;
    moving.issued = { mark: moving.mark, by: moving.member, isDone: false };
    // A region that comes twice is one write.
    for (const cell of new Set(moving.cells)) open.cells[cell]?.push(moving.issued);
  }

  commit(handle: MHandle, request: number, closes: boolean, drop: () => void): Expected | null {
    const { version, open } = this.#open(handle);
    if (open.consistency === 'session' && !closes) throw new Refusal('wrong-state');
    const awaiting: MAwaiting = { session: handle.member.session, request, left: 0 };
    this.#commitHeld(version, open, handle, awaiting);
    for (const each of version.moving) {
      if (!each.isWrite || each.member !== handle.member || each.awaiting !== null) continue;
      if (each.droppedAt !== 0) continue;
      each.awaiting = awaiting;
      awaiting.left++;
    }
    if (closes) {
      this.leave(handle, true);
      // Of who has created it the handle is the offer, and stays.
      if (handle.state !== 'offered') drop();
    }
    return awaiting.left === 0 ? OK : null;
  }

  #commitHeld(
    version: MVersion,
    open: MOpen,
    { member }: MHandle,
    awaiting: MAwaiting | null,
  ): void {
    const held = version.moving.filter((each) => each.isHeld && each.member === member);
    // They stand behind what was asked for meanwhile.
    version.moving = [...version.moving.filter((each) => !held.includes(each)), ...held];
    for (const each of held) {
      each.awaiting = awaiting;
      if (awaiting !== null) awaiting.left++;
      this.#issue(open, each);
    }
  }

  /** The agent has done a transfer. */
  transferred(versions: Iterable<MVersion>, id: number): void {
    for (const version of [...versions]) {
      const moving = version.moving.find((each) => each.id === id);
      if (moving !== undefined) this.#done(version, moving);
    }
  }

  #done(version: MVersion, moving: MMoving): void {
    const { book, sessions } = this.#port;
    const { range, session, request, awaiting, isWrite } = moving;
    version.moving = version.moving.filter((each) => each !== moving);
    if (moving.issued !== null) moving.issued.isDone = true;
    for (const sight of moving.sights) sight.end = sight.written.length;
    const isThere = sessions.get(session.id) === session;
    if (range !== null) {
      if (isWrite || !isThere) book.freed(range);
      else book.given(session, range);
    }
    this.#tell(session, request, OK);
    if (awaiting !== null && --awaiting.left === 0) {
      this.#tell(awaiting.session, awaiting.request, OK);
    }
    this.#freeDropped(version);
    this.#sealIfDone(version);
    this.#port.forget(version);
  }

  #tell(session: MSession, request: number, answer: Expected): void {
    const isThere = this.#port.sessions.get(session.id) === session;
    if (request !== 0 && isThere) this.#port.answer(session, request, answer);
  }

  seal(handle: MHandle, request: number): Expected | null {
    const { version, open } = this.#open(handle);
    const { member } = handle;
    if (open.locks.some((lock) => lock.handle.member !== member)) {
      throw new Refusal('lock-conflict');
    }
    if (version.moving.some((each) => each.isHeld && each.member !== member)) {
      throw new Refusal('wrong-state');
    }
    this.#dropLocks(open, () => true, 'cancelled');
    this.#commitHeld(version, open, handle, null);
    open.sealing = { session: member.session, request };
    this.#sealIfDone(version);
    return null;
  }

  #sealIfDone(version: MVersion): void {
    const { open } = version;
    if (open === null || open.sealing === null) return;
    if (version.moving.some(({ isWrite, droppedAt }) => isWrite && droppedAt === 0)) return;
    const { session, request } = open.sealing;
    version.open = null;
    version.seal(open.cells.map((written) => written.at(-1)?.mark ?? 0));
    this.#tell(session, request, OK);
    this.#dismiss(version);
    this.#port.bind(version);
  }

  #dismiss(version: MVersion): void {
    for (const handle of version.object.handles) {
      if (handle.state === 'opened' && handle.version === version) handle.version = null;
    }
  }

  /** The version is over before it was sealed. */
  end(version: MVersion): void {
    const { open } = version;
    if (open === null) return;
    this.#dropLocks(open, () => true, 'wrong-state');
    this.#dropHeld(version, () => true);
    const { sealing } = open;
    if (sealing !== null) {
      this.#tell(sealing.session, sealing.request, { kind: 'fail', code: 'wrong-state' });
    }
    version.open = null;
    this.#dismiss(version);
  }

  /** Reads that are under way have what their member had written: it is kept for them. */
  #dropHeld(version: MVersion, passes: (moving: MMoving) => boolean): void {
    for (const each of version.moving) {
      if (!each.isHeld || !passes(each)) continue;
      each.isHeld = false;
      each.droppedAt = this.#next;
    }
    this.#freeDropped(version);
  }

  #freeDropped(version: MVersion): void {
    const { moving } = version;
    for (const each of moving) {
      const reads = ({ id, isWrite, member }: MMoving): boolean =>
        !isWrite && member === each.member && id > each.id && id < each.droppedAt;
      if (each.droppedAt !== 0 && !moving.some(reads)) this.#dropMoving(version, each);
    }
  }

  #dropMoving(version: MVersion, moving: MMoving): void {
    version.moving = version.moving.filter((each) => each !== moving);
    if (moving.range !== null) this.#port.book.freed(moving.range);
  }

  /** A handle goes, and with it its locks, and what its member has not committed. */
  leave(handle: MHandle, isHeard: boolean): void {
    if (handle.state === 'opening') {
      this.endOpening(handle, isHeard ? 'cancelled' : null);
      return;
    }
    const { version, member } = handle;
    const open = version?.open ?? null;
    if (handle.state !== 'opened' && handle.state !== 'offered') return;
    if (version !== null && open !== null) {
      this.#dropLocks(open, (lock) => lock.handle === handle, isHeard ? 'cancelled' : null);
      const others = [...version.object.handles].some(
        (each) => each !== handle && each.member === member && each.version === version,
      );
      if (!others) this.#dropHeld(version, (each) => each.member === member);
    }
    if (handle.state !== 'opened') return;
    handle.version = null;
    handle.state = 'sealed';
  }

  lock(
    handle: MHandle,
    request: number,
    of: Pick<MLock, 'number' | 'isWrite' | 'cells' | 'deadline'>,
    block: boolean,
  ): Expected | null {
    const { version, open } = this.#open(handle);
    this.#check(version, of.cells);
    const isNumber = (lock: MLock): boolean => lock.handle === handle && lock.number === of.number;
    if (open.locks.some(isNumber)) throw new Refusal('bad-argument');
    const lock: MLock = { ...of, handle, request, isHeld: true };
    const { member } = handle;
    if (open.locks.some((each) => each.handle.member === member && overlaps(each, lock))) {
      throw new Refusal('lock-conflict');
    }
    if (open.locks.some((each) => conflicts(each, lock))) {
      if (!block) throw new Refusal('lock-conflict');
      lock.isHeld = false;
    }
    open.locks.push(lock);
    return lock.isHeld ? OK : null;
  }

  unlock(handle: MHandle, number: number): Expected {
    const { open } = this.#open(handle);
    const lock = open.locks.find((each) => each.handle === handle && each.number === number);
    if (lock === undefined) throw new Refusal('bad-argument');
    this.#dropLocks(open, (each) => each === lock, 'cancelled');
    return OK;
  }

  /** When waits for locks end without. */
  deadlines(versions: Iterable<MVersion>): number[] {
    const locks = [...versions].flatMap(({ open }) => open?.locks ?? []);
    return locks.filter(({ isHeld }) => !isHeld).map(({ deadline }) => deadline);
  }

  /** Of those that wait, the deadline of one has passed. */
  endLocks(versions: Iterable<MVersion>, now: number): void {
    for (const { open } of versions) {
      if (open === null) continue;
      this.#dropLocks(open, (lock) => !lock.isHeld && lock.deadline === now, 'deadline-passed');
    }
  }

  /** CANCEL of a LOCK that waits; whether there was one. */
  cancelLock(session: MSession, request: number, versions: Iterable<MVersion>): boolean {
    for (const { open } of versions) {
      const isIt = (lock: MLock): boolean =>
        !lock.isHeld && lock.request === request && lock.handle.member.session === session;
      if (open?.locks.some(isIt) !== true) continue;
      this.#dropLocks(open, isIt, 'cancelled');
      return true;
    }
    return false;
  }

  #dropLocks(
    open: MOpen,
    passes: (lock: MLock) => boolean,
    code: 'cancelled' | 'wrong-state' | 'deadline-passed' | null,
  ): void {
    const gone = open.locks.filter(passes);
    open.locks = open.locks.filter((lock) => !gone.includes(lock));
    for (const { isHeld, handle, request } of gone) {
      if (isHeld || code === null) continue;
      this.#tell(handle.member.session, request, { kind: 'fail', code });
    }
    for (const [at, lock] of open.locks.entries()) {
      const before = open.locks.slice(0, at);
      if (lock.isHeld || before.some((each) => conflicts(each, lock))) continue;
      lock.isHeld = true;
      this.#tell(lock.handle.member.session, lock.request, OK);
    }
  }

  /** Another manager: what lay in lost memory is lost, and what nobody needs any more is done. */
  lose(version: MVersion): void {
    const fail = { kind: 'fail', code: 'object-lost' } as const;
    for (const each of [...version.moving]) {
      this.#dropMoving(version, each);
      this.#tell(each.session, each.request, fail);
      if (each.awaiting === null) continue;
      this.#tell(each.awaiting.session, each.awaiting.request, fail);
      each.awaiting.request = 0;
    }
  }

  /** Writes to a version that has ended are not asked for again, unless somebody reads it. */
  restarted(versions: Iterable<MVersion>): void {
    for (const version of [...versions]) {
      if (version.open !== null || version.moving.some(({ isWrite }) => !isWrite)) continue;
      for (const each of [...version.moving]) {
        if (each.isWrite && each.droppedAt === 0) this.#done(version, each);
      }
    }
  }
}

/** Bytes of a cell: what is written and read is whole ones. */
export const CELL = 64;
/** Bytes of an open object. */
export const LENGTH = 6 * CELL;

function overlaps(one: MLock, other: MLock): boolean {
  if (!one.isWrite && !other.isWrite) return false;
  return one.cells.some((cell) => other.cells.includes(cell));
}

function conflicts(one: MLock, other: MLock): boolean {
  return one.handle.member !== other.handle.member && overlaps(one, other);
}
