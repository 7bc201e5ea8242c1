import type { PoolEvent } from '../../client/index.js';
import { assert } from '../../core/assert.js';
import { LIMITS } from '../../core/limits.js';
import { Timestamp } from '../../core/value.js';
import { formatTimestamp, toJson } from '../json.js';
import type { CallRecord } from './calls.js';
import { Lives, type Span, type SpanListener } from './lives.js';
import type { TraceOutput, TraceSink } from './sink.js';

const NS_PER_US = 1_000n;

type Row = Span['kind'] | 'call' | 'event';

/** What rows of a member are called. */
const ROW_NAMES: { readonly [kind in Row]: string } = {
  ...{ event: 'events', call: 'calls', need: 'waits', use: 'in hand', object: 'offered' },
};

/** From top to bottom: viewers sort the rows of a process by the numbers of its threads. */
const ROW_ORDER: readonly Row[] = ['event', 'call', 'need', 'use', 'object'];
/** Numbers of threads that a kind of row has, and those of a process. */
const LANES_STRIDE = 1_000;
const PROCESS_STRIDE = 10_000;
assert(LIMITS.traceLanesMax < LANES_STRIDE, 'each row of a kind has a number');

interface Lane {
  readonly pid: number;
  readonly tid: number;
  readonly index: number;
}

/** A record of the trace event format. */
type Field = string | number | { readonly [key: string]: string | number };
type TraceRecord = { readonly [key: string]: Field };

/**
 * A trace in the JSON trace event format, which ui.perfetto.dev opens. Each member is a process;
 * its rows hold the lives of objects that it offers, its waits, and what it has in hand. Slices of
 * a row do not overlap. Arrows go from an object to each hand that it comes into: not to the wait
 * that it ends, as the viewer turns an arrow around whose end began before its origin. Times of the
 * pool are milliseconds; within one the order of events is kept, a microsecond each.
 */
export class PerfettoSink implements TraceSink, SpanListener {
  readonly #output: TraceOutput;
  readonly #lives = new Lives(this);
  readonly #calls: () => Promise<readonly CallRecord[]>;
  readonly #processes = new Map<string, number>();
  readonly #lanes = new Map<string, boolean[]>();
  readonly #threads = new Set<number>();
  /** When the last call of each row ends, of each process. */
  readonly #callsEndUs = new Map<number, number[]>();
  readonly #laneOf = new Map<Span, Lane>();
  /** Arrows that go on from a need. */
  readonly #flows = new Map<Span, number>();
  /** The one that ends at the use which begins with this event. */
  #arrow: number | undefined;
  #flowNext = 1;
  #lastUs = 0;
  #isBegun = false;

  constructor(output: TraceOutput, calls: () => Promise<readonly CallRecord[]>) {
    this.#output = output;
    this.#calls = calls;
  }

  take(event: PoolEvent): void {
    this.#advance(event);
    this.#arrow = undefined;
    this.#lives.take(event);
    const isMoment = !['offer', 'withdraw', 'require', 'demand', 'dispose'].includes(event.kind);
    if (isMoment) this.#moment(event.member || event.name, event.kind, argsOf(event));
  }

  flush(): Promise<void> {
    return this.#output.flush();
  }

  async close(): Promise<void> {
    this.#lives.close();
    try {
      for (const call of await this.#calls()) this.#call(call);
    } finally {
      this.#output.write(this.#isBegun ? '\n]\n' : '[]\n');
      await this.#output.close();
    }
  }

  began(span: Span): void {
    const lane = this.#laneFor(span.kind, span.member);
    if (lane === null) {
      this.#moment(span.member, `${span.kind} ${span.name}`, argsOf(span.begin));
      return;
    }
    this.#laneOf.set(span, lane);
    const { pid, tid } = lane;
    const args = argsOf(span.begin);
    this.#write({ name: span.name, cat: span.kind, ph: 'B', ts: this.#next(), pid, tid, args });
    const object = span.kind === 'need' ? this.#lives.objectOf(span.name) : null;
    if (object !== null) this.#flow(object, span);
    if (span.kind !== 'use' || this.#arrow === undefined) return;
    const arrow = { name: 'hand-over', cat: 'flow', ph: 'f', bp: 'e', id: this.#arrow } as const;
    this.#write({ ...arrow, ts: this.#next(), pid, tid });
  }

  offered(span: Span, event: PoolEvent): void {
    if (event !== span.begin) this.#moment(event.member, `part of ${span.name}`, argsOf(event));
    else for (const need of this.#lives.needsOf(span.name)) this.#flow(span, need);
  }

  ended(span: Span, event: PoolEvent): void {
    const lane = this.#laneOf.get(span);
    this.#laneOf.delete(span);
    if (span.kind === 'need' && event.kind === 'demand') this.#arrow = this.#flows.get(span);
    this.#flows.delete(span);
    if (lane === undefined) return;
    const { pid, tid, index } = lane;
    const args = { ended: span.outcome, version: span.version };
    this.#write({ ph: 'E', ts: this.#next(), pid, tid, args });
    const taken = this.#lanes.get(`${span.kind} ${span.member}`);
    if (taken !== undefined) taken[index] = false;
  }

  /** An arrow begins at an object whose life is shown. */
  #flow(object: Span, need: Span): void {
    const lane = this.#laneOf.get(object);
    if (lane === undefined || this.#flows.has(need)) return;
    const { pid, tid } = lane;
    const id = this.#flowNext++;
    this.#flows.set(need, id);
    this.#write({ name: 'hand-over', cat: 'flow', ph: 's', id, ts: this.#next(), pid, tid });
  }

  /** Calls come in the order of their begin, so that a row is free when its last one has ended. */
  #call({ member, call, object, startUs, durationUs, outcome, process }: CallRecord): void {
    const pid = this.#process(member === '' ? `process ${process}` : member);
    const ends = this.#callsEndUs.get(pid) ?? [];
    this.#callsEndUs.set(pid, ends);
    const free = ends.findIndex((endUs) => endUs < startUs);
    const index = free < 0 ? ends.length : free;
    const what = object === '' ? call : `${call} ${object}`;
    const name = outcome === 'ok' ? what : `${outcome}: ${what}`;
    const both = { name, cat: 'call', ts: startUs, pid, args: { call, object, outcome } };
    if (index >= LIMITS.traceLanesMax) {
      this.#write({ ...both, ph: 'i', s: 't', tid: this.#thread(pid, 'call', 0) });
      return;
    }
    ends[index] = startUs + durationUs;
    this.#write({ ...both, ph: 'X', dur: durationUs, tid: this.#thread(pid, 'call', index) });
  }

  #moment(member: string, name: string, args: TraceRecord['args'] & object): void {
    const pid = this.#process(member === '' ? 'pool' : member);
    const tid = this.#thread(pid, 'event', 0);
    this.#write({ name, cat: 'event', ph: 'i', s: 't', ts: this.#next(), pid, tid, args });
  }

  #laneFor(kind: Span['kind'], member: string): Lane | null {
    const key = `${kind} ${member}`;
    const taken = this.#lanes.get(key) ?? [];
    this.#lanes.set(key, taken);
    const free = taken.indexOf(false);
    const index = free < 0 ? taken.length : free;
    if (index >= LIMITS.traceLanesMax) return null;
    taken[index] = true;
    const pid = this.#process(member === '' ? 'pool' : member);
    return { pid, tid: this.#thread(pid, kind, index), index };
  }

  #process(name: string): number {
    const known = this.#processes.get(name);
    if (known !== undefined) return known;
    const pid = this.#processes.size + 1;
    this.#processes.set(name, pid);
    this.#write({ ph: 'M', name: 'process_name', pid, tid: 0, args: { name } });
    return pid;
  }

  /** Numbers of threads are unique in the trace: a viewer may take them for those of one host. */
  #thread(pid: number, kind: Row, index: number): number {
    const tid = pid * PROCESS_STRIDE + ROW_ORDER.indexOf(kind) * LANES_STRIDE + index;
    if (this.#threads.has(tid)) return tid;
    this.#threads.add(tid);
    this.#write({ ph: 'M', name: 'thread_name', pid, tid, args: { name: ROW_NAMES[kind] } });
    return tid;
  }

  #advance({ time }: PoolEvent): void {
    this.#lastUs = Math.max(this.#lastUs, Number(time.nanoseconds / NS_PER_US));
  }

  /** Later than all before, if only by a microsecond. */
  #next(): number {
    return ++this.#lastUs;
  }

  #write(record: TraceRecord): void {
    this.#output.write(`${this.#isBegun ? ',\n' : '[\n'}${toJson(record)}`);
    this.#isBegun = true;
  }
}

function argsOf(event: PoolEvent): { readonly [key: string]: string | number } {
  const { seq, member, name, version, attributes, dtype, shape } = event;
  const said = Object.entries(attributes).map(([key, value]) => [`attributes.${key}`, text(value)]);
  return {
    ...{ seq, member, name, version },
    ...(dtype === undefined ? {} : { dtype: `${dtype} [${(shape ?? []).join(', ')}]` }),
    ...Object.fromEntries(said),
  };
}

function text(value: PoolEvent['attributes'][string]): string | number {
  if (value instanceof Timestamp) return formatTimestamp(value);
  return typeof value === 'number' || typeof value === 'string' ? value : toJson(value);
}
