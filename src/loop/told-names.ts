import { versionOf } from '../pool/events/standing.js';
import { objectName } from '../pool/objects.js';
import { HANDLE, VERSION, WAIT } from '../pool/rows.js';
import type { Session } from '../pool/sessions.js';
import type { PoolState } from '../pool/state.js';

/** What a handle stands for. */
interface Named {
  readonly object: string;
  readonly member: string;
}

/**
 * What the numbers of a session mean while one record is told: handles, members and keys as the
 * pool has them before the record, and those that the record's own requests bring.
 */
export class ToldNames {
  /** Number of the last message that has come. */
  received: number;
  readonly #pool: PoolState;
  readonly #session: Session | undefined;
  readonly #handles = new Map<number, Named>();
  readonly #disposed = new Set<number>();
  readonly #members = new Map<number, string>();
  readonly #keys = new Map<number, string>();

  constructor(pool: PoolState, session: number, received: number) {
    this.received = received;
    this.#pool = pool;
    this.#session = pool.sessions.get(session);
  }

  handle(number: number): Named | null {
    return this.#handles.get(number) ?? this.#known(number);
  }

  /** What a delivery of a standing require tells of; null when it is none. */
  taken(subscription: number, n: number): Named | null {
    const found = this.#session?.subscriptions.get(subscription);
    if (found === undefined) return null;
    const { one, attachment } = found;
    const isHis = one.standing !== null && one.unacked.holderOf(n) === attachment.id;
    const version = isHis ? versionOf(one.unacked.eventOf(n)) : 0;
    if (version <= 0) return null;
    return {
      object: objectName(this.#pool, this.#pool.versions.get(version, VERSION.object)),
      member: this.#pool.members.get(attachment.member)?.name ?? '',
    };
  }

  member(number: number): string {
    return this.#members.get(number) ?? this.#session?.members.get(number)?.name ?? '';
  }

  /** All members of the session: those whom a request concerns that names none. */
  members(): string[] {
    const names = [...(this.#session?.members.values() ?? [])].map(({ name }) => name);
    return [...new Set([...names, ...this.#members.values()])];
  }

  key(number: number): string {
    const defined = this.#keys.get(number);
    if (defined !== undefined) return defined;
    const known = this.#session?.keys.known(number) ?? 0;
    return known === 0 ? `key ${number}` : this.#pool.keys.name(known);
  }

  declare(number: number, named: Named): void {
    // A number that is in use is refused, and stays what it was.
    if (this.handle(number) !== null && !this.#disposed.has(number)) return;
    this.#disposed.delete(number);
    this.#handles.set(number, named);
  }

  /** From now on the number may be used again. */
  dispose(number: number): void {
    this.#disposed.add(number);
  }

  join(number: number, name: string): void {
    this.#members.set(number, name);
  }

  defineKey(number: number, name: string): void {
    this.#keys.set(number, name);
  }

  #known(number: number): Named | null {
    const handle = this.#session?.handles.get(number) ?? 0;
    return handle === 0 ? null : namedBy(this.#pool, handle);
  }
}

function namedBy(pool: PoolState, handle: number): Named {
  const member = pool.members.get(pool.handles.get(handle, HANDLE.member));
  return {
    object: objectName(pool, pool.handles.get(handle, HANDLE.object)),
    member: member?.name ?? '',
  };
}

/** Every demand that waits: of which session, its request, what its handle stands for. */
export function* demandsWaiting(
  pool: PoolState,
): Generator<{ readonly session: number; readonly request: number } & Named> {
  for (const member of pool.members.values()) {
    for (let handle = member.handles; handle !== 0; ) {
      const wait = pool.handles.get(handle, HANDLE.wait);
      if (wait !== 0) {
        const request = pool.waits.rows.getWide(wait, WAIT.request);
        yield { session: member.session.id, request, ...namedBy(pool, handle) };
      }
      handle = pool.handles.get(handle, HANDLE.memberNext);
    }
  }
}
