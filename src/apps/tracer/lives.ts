import type { PoolEvent } from '../../client/index.js';
import { LIMITS } from '../../core/limits.js';

/** A stretch of time that events begin and end. */
export interface Span {
  readonly kind: 'object' | 'need' | 'use';
  /** Who offers the object, needs it, has it in hand. */
  readonly member: string;
  readonly name: string;
  /** 0 while it is not known: of a need that came before the offer. */
  version: number;
  readonly begin: PoolEvent;
  /** What ended it: `withdraw`, `demand`, `retract`, ...; '' while it is open. */
  outcome: string;
}

/** What is told of spans. */
export interface SpanListener {
  began(span: Span): void;
  ended(span: Span, event: PoolEvent): void;
  /** An offer: of a whole object, which has just begun, or of one more part of it. */
  offered(span: Span, event: PoolEvent): void;
}

/**
 * Spans out of events: an object lives from its offer to its end; a need from require to demand or
 * retract; a use from demand to dispose. Who asks by a plain demand has a need, too.
 */
export class Lives {
  readonly #listener: SpanListener;
  readonly #open = new Map<string, Span>();
  /** Needs by name that an offer will meet. */
  readonly #byName = new Map<string, Set<Span>>();
  #last: PoolEvent | null = null;

  constructor(listener: SpanListener) {
    this.#listener = listener;
  }

  /** The open life of an object's version, if there is one; of any version for 0. */
  objectOf(name: string): Span | null {
    return this.#open.get(objectKey(name)) ?? null;
  }

  /** Who waits for an object of that name. */
  needsOf(name: string): Iterable<Span> {
    return this.#byName.get(name) ?? [];
  }

  take(event: PoolEvent): void {
    this.#last = event;
    const { kind, member, name, version } = event;
    if (event.when === 'before' || event.missed !== null) return;
    switch (kind) {
      case 'offer':
        this.#offer(event);
        break;
      case 'withdraw':
      case 'delete':
      case 'lost':
        this.#end(objectKey(name), event);
        break;
      case 'require':
        this.#begin(needKey(member, name), { kind: 'need', member, name, version, begin: event });
        break;
      case 'demand':
        this.#demand(event);
        break;
      case 'retract':
        this.#end(needKey(member, name), event);
        break;
      case 'dispose':
        this.#end(useKey(member, name), event);
        break;
      case 'leave':
      case 'crash':
        for (const [key, span] of this.#open) {
          if (span.kind !== 'object' && span.member === name) this.#end(key, event);
        }
        break;
    }
  }

  /** All that is open ends: nothing more is seen of it. */
  close(): void {
    const last = this.#last;
    if (last === null) return;
    for (const key of [...this.#open.keys()]) this.#end(key, { ...last, kind: 'unseen' });
  }

  #offer(event: PoolEvent): void {
    const { member, name, version } = event;
    const key = objectKey(name);
    if (this.#open.get(key)?.version !== version) {
      // The end of the version before was not seen, as that kind is not traced.
      this.#end(key, event);
      this.#begin(key, { kind: 'object', member, name, version, begin: event });
    }
    const span = this.#open.get(key);
    if (span !== undefined) this.#listener.offered(span, event);
  }

  #demand(event: PoolEvent): void {
    const { member, name, version } = event;
    const key = needKey(member, name);
    if (!this.#open.has(key)) {
      this.#begin(key, { kind: 'need', member, name, version, begin: event });
    }
    const need = this.#open.get(key);
    if (need !== undefined) need.version = version;
    this.#end(key, event);
    const use = { kind: 'use', member, name, version, begin: event } as const;
    this.#begin(useKey(member, name), use);
  }

  #begin(key: string, begun: Omit<Span, 'outcome'>): void {
    // A second need of one member for one name is within the first.
    if (this.#open.has(key)) return;
    const span: Span = { ...begun, outcome: '' };
    this.#open.set(key, span);
    if (span.kind === 'need') {
      const needs = this.#byName.get(span.name) ?? new Set();
      this.#byName.set(span.name, needs.add(span));
    }
    this.#listener.began(span);
    if (this.#open.size <= LIMITS.traceSpansMax) return;
    const [oldest] = this.#open.keys();
    if (oldest !== undefined) this.#end(oldest, { ...span.begin, kind: 'unseen' });
  }

  #end(key: string, event: PoolEvent): void {
    const span = this.#open.get(key);
    if (span === undefined) return;
    this.#open.delete(key);
    if (span.kind === 'need') {
      const needs = this.#byName.get(span.name);
      needs?.delete(span);
      if (needs?.size === 0) this.#byName.delete(span.name);
    }
    span.outcome = event.kind;
    this.#listener.ended(span, event);
  }
}

const objectKey = (name: string): string => `o\0${name}`;
const needKey = (member: string, name: string): string => `n\0${member}\0${name}`;
const useKey = (member: string, name: string): string => `u\0${member}\0${name}`;
