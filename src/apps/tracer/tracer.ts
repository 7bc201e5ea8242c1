import type { Pool, PoolEvent, SubscribeOptions } from '../../client/index.js';
import { AttaccaError } from '../../core/errors.js';
import { LIMITS } from '../../core/limits.js';
import { eventJson } from '../json.js';
import { type CallRecord, type NoCalls, readCalls } from './calls.js';
import { FileOutput } from './file-output.js';
import { OtlpSink, otlpToFile, otlpToHttp } from './otlp.js';
import { PerfettoSink } from './perfetto.js';
import type { TraceOutput, TraceSink } from './sink.js';
import { SyslogSink, syslogOutput } from './syslog.js';

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
  readonly signal?: AbortSignal | undefined;
}

/** How it went. */
export interface TracerSummary {
  readonly events: number;
  /** Events that the pool did not keep until they were read. */
  readonly missed: number;
}

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
 * Errors: `file-error`, `disk-full` of where it goes; those of `pool.subscribe`.
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
  const sink = await sinkOf(pool, options);
  let events = 0;
  let missed = 0;
  try {
    const window = LIMITS.eventsWindowMax;
    const asked = { kinds, select, from, until, window, own: true };
    await using subscription = await pool.subscribe(asked);
    const endsMs = performance.now() + (forMs || Number.POSITIVE_INFINITY);
    for (;;) {
      if (subscription.waiting === 0) await sink.flush();
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
    await sink.close();
  }
  return { events, missed };
}

async function sinkOf(pool: Pool, options: TracerOptions): Promise<TraceSink> {
  const { format, to, calls = [], headers, onSkipped } = options;
  if (calls.length > 0 && format !== 'perfetto' && format !== 'jsonl') {
    throw new AttaccaError('bad-argument', `Cannot write calls as ${format}`);
  }
  switch (format) {
    case 'jsonl':
      return new LinesSink(await FileOutput.create(to), () => readCalls(calls, onSkipped));
    case 'perfetto':
      return new PerfettoSink(await FileOutput.create(to), () => readCalls(calls, onSkipped));
    case 'otlp':
      if (/^https?:/u.test(to)) return new OtlpSink(pool, otlpToHttp(to, headers));
      return new OtlpSink(pool, otlpToFile(await FileOutput.create(to)));
    case 'syslog':
      return new SyslogSink(await syslogOutput(to));
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
