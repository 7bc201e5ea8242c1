import type { Pool, PoolEvent, SubscribeOptions } from '../../client/index.js';
import { counted } from '../../core/counted.js';
import { AttaccaError } from '../../core/errors.js';
import { LIMITS } from '../../core/limits.js';
import { eventJson } from '../json.js';
import { type CallRecord, type NoCalls, readCalls } from './calls.js';
import { Delivery } from './delivery.js';
import { FileOutput } from './file-output.js';
import { OtlpSink, otlpCarrier, otlpToDelivery, otlpToFile } from './otlp.js';
import { PerfettoSink } from './perfetto.js';
import type { TraceOutput, TraceSink } from './sink.js';
import { SyslogSink, syslogCarrier } from './syslog.js';

/** The forms of a trace. */
export const TRACE_FORMATS = ['jsonl', 'perfetto', 'otlp', 'syslog'] as const;
export type TraceFormat = (typeof TRACE_FORMATS)[number];

/** What {@link tracer} is told. */
export interface TracerOptions extends Pick<SubscribeOptions, 'select' | 'from' | 'until'> {
  readonly format: TraceFormat;
  /**
   * A file, made anew, or `-`, standard output; of `otlp` also `http://host:4318`, of `syslog`
   * `udp://host:514` or `tcp://host:601`.
   */
  readonly to: string;
  /** Left out: all for `jsonl` and `syslog`, else those that the format draws. */
  readonly kinds?: SubscribeOptions['kinds'];
  /**
   * Files that programs write under ATTACCA_TRACE, read when the tracer ends: of `perfetto` and
   * `jsonl`.
   */
  readonly calls?: readonly string[] | undefined;
  /** Hears of each of these files that has lines which are no calls; they are left out. */
  readonly onSkipped?: ((found: NoCalls) => void) | undefined;
  /** Headers of requests by HTTP: `key=value,...`. */
  readonly headers?: string | undefined;
  /** Ends after so long; 0: when all that was there is told. */
  readonly forMs?: number | undefined;
  /** Hears once of each time in which a collector, or who takes syslog, cannot be reached. */
  readonly onAway?: ((error: AttaccaError) => void) | undefined;
  /** Ends it; who cannot be reached then has less than a second. */
  readonly signal?: AbortSignal | undefined;
}

/** How it went. */
export interface TracerSummary {
  readonly events: number;
  /** Events that the pool did not keep until they were read. */
  readonly missed: number;
  /** Messages of syslog, or spans, that nobody has taken. */
  readonly undelivered: number;
  /** Of these, how many were left out as too much waited. */
  readonly overflowed: number;
}

/** How long who cannot be reached is tried at the end; at the end by a signal. */
const CLOSING_MS = 10_000;
const ENDING_MS = 600;

/** What spans are made of. */
const DRAWN = [
  ...(['offer', 'withdraw', 'delete', 'lost', 'require', 'demand', 'retract', 'dispose'] as const),
  ...(['join', 'leave', 'crash', 'emit'] as const),
];

/**
 * Writes what happens in a pool: each event as a line of JSON or a message of syslog, or the lives
 * of objects, waits and uses as a trace, for Perfetto or OpenTelemetry. Ends with its signal, or
 * `until: 'complete'`, and what is open ends with it.
 *
 * Who takes a trace over the network may be away for a while: what has not arrived is sent again,
 * and is counted where it never did.
 *
 * Errors: `file-error`, `disk-full` of where it goes, with `undelivered` where that refuses it;
 * those of `pool.subscribe`.
 *
 * ```ts
 * await tracer(pool, { format: 'perfetto', to: 'trace.json', until: 'complete' });
 * ```
 */
export async function tracer(pool: Pool, options: TracerOptions): Promise<TracerSummary> {
  const { format, select, signal, forMs = Number.POSITIVE_INFINITY } = options;
  const until = forMs === 0 ? 'now' : options.until;
  const isDrawn = format === 'perfetto' || format === 'otlp';
  const { kinds = isDrawn ? DRAWN : undefined, from = isDrawn ? 'snapshot' : 'now' } = options;
  const { sink, delivery } = await sinkOf(pool, options);
  let events = 0;
  let missed = 0;
  try {
    const window = LIMITS.eventsWindowMax;
    const asked = { kinds, select, from, until, window, own: true };
    await using subscription = await pool.subscribe(asked);
    const endsMs = performance.now() + (forMs || Number.POSITIVE_INFINITY);
    for (;;) {
      if (subscription.waiting === 0) await unlessEnded(sink.flush(), signal);
      if (delivery !== null && delivery.failure !== null) break;
      const event = await subscription
        .wait({ signal, timeoutMs: endsMs - performance.now() })
        .catch((error: unknown) => {
          // What has come by then is written.
          if (signal?.aborted === true) return subscription.poll();
          throw error;
        });
      if (event === null) break;
      if (event.missed !== null) missed += event.missed.to - event.missed.from + 1;
      sink.take(event);
      events++;
    }
  } finally {
    const hurry = (): void => delivery?.endWithin(ENDING_MS);
    signal?.addEventListener('abort', hurry, { once: true });
    await sink.close(signal?.aborted === true ? ENDING_MS : CLOSING_MS);
    signal?.removeEventListener('abort', hurry);
  }
  const { undelivered = 0, overflowed = 0, failure = null } = delivery ?? {};
  if (failure !== null && signal?.aborted !== true) throw refused(failure, undelivered, format);
  return { events, missed, undelivered, overflowed };
}

/** Returns when it is done, or when all is to end. */
async function unlessEnded(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return await work;
  await new Promise<void>((resolve, reject) => {
    const end = (): void => resolve();
    if (signal.aborted) end();
    signal.addEventListener('abort', end, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', end));
  });
}

function refused(failure: AttaccaError, undelivered: number, format: TraceFormat): AttaccaError {
  const { code, message, fields } = failure;
  const what = counted(undelivered, format === 'otlp' ? 'span' : 'message');
  const said = `${message}; it has not got ${what}`;
  return new AttaccaError(code, said, { ...fields, undelivered }, { cause: failure });
}

/** Where it goes, and what brings it there when that may be away. */
interface Sinks {
  readonly sink: TraceSink;
  readonly delivery: Delivery | null;
}

async function sinkOf(pool: Pool, options: TracerOptions): Promise<Sinks> {
  const { format, to, calls = [], headers, onSkipped, onAway } = options;
  if (calls.length > 0 && format !== 'perfetto' && format !== 'jsonl') {
    throw new AttaccaError('bad-argument', `Cannot write calls as ${format}`);
  }
  const readAll = () => readCalls(calls, onSkipped);
  if (format === 'syslog') {
    const delivery = new Delivery(await syslogCarrier(to), onAway);
    return { sink: new SyslogSink(delivery), delivery };
  }
  if (format === 'otlp' && /^https?:/u.test(to)) {
    const delivery = new Delivery(otlpCarrier(to, headers), onAway);
    return { sink: new OtlpSink(pool, otlpToDelivery(delivery)), delivery };
  }
  const output = await FileOutput.create(to);
  switch (format) {
    case 'jsonl':
      return { sink: new LinesSink(output, readAll), delivery: null };
    case 'perfetto':
      return { sink: new PerfettoSink(output, readAll), delivery: null };
    case 'otlp':
      return { sink: new OtlpSink(pool, otlpToFile(output)), delivery: null };
  }
}

class LinesSink implements TraceSink {
  readonly #output: TraceOutput;
  readonly #calls: () => Promise<readonly CallRecord[]>;

  constructor(output: TraceOutput, calls: () => Promise<readonly CallRecord[]>) {
    this.#output = output;
    this.#calls = calls;
  }

  take(event: PoolEvent): void {
    this.#output.write(`${eventJson(event)}\n`);
  }

  flush(): Promise<void> {
    return this.#output.flush();
  }

  async close(): Promise<void> {
    try {
      for (const call of await this.#calls()) this.#output.write(`${JSON.stringify(call)}\n`);
    } finally {
      await this.#output.close();
    }
  }
}
