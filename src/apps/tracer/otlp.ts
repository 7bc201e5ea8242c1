import { createHash } from 'node:crypto';
import type { PoolEvent } from '../../client/index.js';
import { whyFailed } from '../../core/system-errors.js';
import { Timestamp } from '../../core/value.js';
import { formatTimestamp, toJson } from '../json.js';
import { CannotDeliver, type Carrier, type Delivery } from './delivery.js';
import { Inputs } from './inputs.js';
import { Lives, type Span, type SpanListener } from './lives.js';
import type { TraceOutput, TraceSink } from './sink.js';

/** OpenTelemetry's numbers. */
const KIND = { internal: 1, producer: 4, consumer: 5 } as const;
const STATUS_ERROR = 2;
const BATCH_SPANS = 512;
const BATCH_MS = 500;

type Json = string | number | boolean | readonly Json[] | { readonly [key: string]: Json };
interface Ids {
  readonly traceId: string;
  readonly spanId: string;
}
type OtlpValue = { readonly [type: string]: Json };

/**
 * Spans of OpenTelemetry (OTLP as JSON): one trace for each version of an object. Its root is the
 * object's life; below it `offer` of who offers it, and of each consumer `require` until it has it
 * and `demand` until it lets it go. `demand` links to the offer, an offer to what its member had in
 * hand, or had let go since its offer before ({@link Inputs}). Ids are made of the pool, the object
 * and the event: two tracers make the same.
 */
export class OtlpSink implements TraceSink, SpanListener {
  readonly #poolId: string;
  readonly #poolName: string;
  readonly #send: OtlpSend;
  readonly #lives = new Lives(this);
  /** By member: spans that have ended, and leave with the next request. */
  readonly #batch = new Map<string, { readonly [key: string]: Json }[]>();
  readonly #inputs = new Inputs();
  /** Of an open need the offer that meets it; of a use the one that it came from. */
  readonly #offers = new WeakMap<Span, Ids>();
  /** That of the need which has ended with this event: of the use that begins with it. */
  #met: Ids | undefined;
  #count = 0;
  #traceLast = { key: '', id: '' };
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> = Promise.resolve();

  constructor(pool: { readonly poolId: string; readonly poolName: string }, send: OtlpSend) {
    this.#poolId = pool.poolId;
    this.#poolName = pool.poolName;
    this.#send = send;
  }

  take(event: PoolEvent): void {
    this.#met = undefined;
    this.#lives.take(event);
    if (event.kind === 'leave' || event.kind === 'crash') this.#inputs.forget(event.name);
    if (this.#count >= BATCH_SPANS) this.#hand();
  }

  /** What has come leaves within half a second, with what comes until then. */
  async flush(): Promise<void> {
    if (this.#count > 0) this.#timer ??= setTimeout(() => this.#hand(), BATCH_MS);
    await this.#sending;
  }

  async close(withinMs: number): Promise<void> {
    this.#lives.close();
    this.#hand();
    const [sent] = await Promise.allSettled([this.#sending, this.#send.close(withinMs)]);
    if (sent.status === 'rejected') throw sent.reason;
  }

  began(span: Span): void {
    if (span.kind === 'need') {
      const object = this.#lives.objectOf(span.name);
      if (object !== null) this.#offers.set(span, this.#offerIds(object));
    }
    if (span.kind !== 'use') return;
    if (this.#met !== undefined) this.#offers.set(span, this.#met);
    this.#inputs.add(span);
  }

  offered(span: Span, event: PoolEvent): void {
    for (const need of this.#lives.needsOf(span.name)) {
      this.#offers.set(need, this.#offerIds(span));
    }
    const inputs = this.#inputs.take(event.member);
    const links = inputs.map((use) => ({
      traceId: this.#trace(use),
      spanId: this.#id('demand', use.member, use.name, use.version, use.begin.seq),
    }));
    this.#add(event.member, {
      // The first one is known by its object: of a snapshot its place in the history is not told.
      ...(event === span.begin
        ? this.#offerIds(span)
        : this.#ids(span, 'offer', event.member, event.seq)),
      ...{ name: 'offer', kind: KIND.producer, parentSpanId: this.#root(span) },
      ...times(event, event),
      attributes: this.#attributes(span, event),
      ...(links.length === 0 ? {} : { links }),
    });
  }

  ended(span: Span, event: PoolEvent): void {
    if (span.kind === 'object') this.#objectEnded(span, event);
    else if (span.kind === 'need') this.#needEnded(span, event);
    else this.#useEnded(span, event);
  }

  #objectEnded(span: Span, event: PoolEvent): void {
    const isLost = event.kind === 'lost';
    this.#add(span.member, {
      ...{ traceId: this.#trace(span), spanId: this.#root(span), name: `object ${span.name}` },
      ...{ kind: KIND.internal, ...times(span.begin, event) },
      attributes: [...this.#attributes(span, span.begin), said('attacca.end', event.kind)],
      ...(isLost ? { status: { code: STATUS_ERROR, message: 'its memory is gone' } } : {}),
    });
  }

  #needEnded(span: Span, event: PoolEvent): void {
    if (event.kind === 'demand') this.#met = this.#offers.get(span);
    // What was retracted before it was offered belongs to no object.
    if (span.version === 0) return;
    this.#add(span.member, {
      ...this.#ids(span, 'require', span.member, span.begin.seq),
      ...{ name: 'require', kind: KIND.consumer, parentSpanId: this.#root(span) },
      ...times(span.begin, event),
      attributes: [...this.#attributes(span, span.begin), said('attacca.end', event.kind)],
    });
  }

  #useEnded(span: Span, event: PoolEvent): void {
    const offer = this.#offers.get(span) ?? {
      traceId: this.#trace(span),
      spanId: this.#root(span),
    };
    this.#add(span.member, {
      ...this.#ids(span, 'demand', span.member, span.begin.seq),
      ...{ name: 'demand', kind: KIND.consumer, parentSpanId: this.#root(span) },
      ...times(span.begin, event),
      attributes: [...this.#attributes(span, span.begin), said('attacca.end', event.kind)],
      links: [{ ...offer }],
    });
  }

  #offerIds(object: Span): Ids {
    return this.#ids(object, 'offer', object.begin.member, 0);
  }

  #ids(span: Span, what: string, member: string, seq: number): Ids {
    const spanId = this.#id(what, member, span.name, span.version, seq);
    return { traceId: this.#trace(span), spanId };
  }

  /** Those of one object come together: the last one is kept. */
  #trace({ name, version }: Span): string {
    const key = `${version} ${name}`;
    if (this.#traceLast.key !== key) {
      this.#traceLast = { key, id: hash(32, this.#poolId, name, String(version)) };
    }
    return this.#traceLast.id;
  }

  #root({ name, version }: Span): string {
    return this.#id('object', '', name, version, 0);
  }

  #id(what: string, member: string, name: string, version: number, seq: number): string {
    return hash(16, this.#poolId, what, member, name, String(version), String(seq));
  }

  #attributes({ name, version }: Span, { attributes, dtype, shape, seq }: PoolEvent) {
    const own = { object: name, version, seq, dtype, shape: shape?.join(' x ') };
    const told = Object.entries(own).filter(([, value]) => value !== undefined);
    return [
      ...told.map(([key, value]) => said(`attacca.${key}`, value)),
      ...Object.entries(attributes).map(([key, value]) => said(`attributes.${key}`, value)),
    ];
  }

  #add(member: string, span: { readonly [key: string]: Json }): void {
    const spans = this.#batch.get(member) ?? [];
    spans.push(span);
    this.#batch.set(member, spans);
    this.#count++;
  }

  #hand(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#count === 0) return;
    const resourceSpans = [...this.#batch].map(([member, spans]) => ({
      resource: { attributes: this.#resource(member) },
      scopeSpans: [{ scope: { name: 'attacca' }, spans }],
    }));
    const count = this.#count;
    this.#batch.clear();
    this.#count = 0;
    const sent = this.#send.send(JSON.stringify({ resourceSpans }), count);
    this.#sending = Promise.all([this.#sending, sent]).then(() => {});
    this.#sending.catch(() => {
      // Told by flush.
    });
  }

  #resource(member: string): readonly Json[] {
    const component = member.replace(/\[\d+\]$/u, '');
    return [
      said('service.name', component === '' ? 'pool' : component),
      said('service.instance.id', member),
      said('service.namespace', this.#poolName),
      said('attacca.pool', this.#poolId),
    ];
  }
}

/** Where requests go, each of `count` spans, in the order in which they come. */
interface OtlpSend {
  send(text: string, count: number): Promise<void>;
  close(withinMs: number): Promise<void>;
}

/** A request a line, as OpenTelemetry's own exporter to files does. */
export function otlpToFile(output: TraceOutput): OtlpSend {
  return {
    send(text) {
      output.write(`${text}\n`);
      return output.flush();
    },
    close: () => output.close(),
  };
}

/** To who may be away. */
export function otlpToDelivery(delivery: Delivery): OtlpSend {
  return {
    send(text, count) {
      delivery.add(text, count);
      return delivery.flush();
    },
    close: (withinMs) => delivery.close(withinMs),
  };
}

const ANSWER_MS = 10_000;

/** Whether a collector may take the same later. */
const isBusy = (status: number): boolean => status === 429 || (status >= 502 && status <= 504);

/**
 * Sends each request by HTTP. `headers` as OTEL_EXPORTER_OTLP_HEADERS writes them: `key=value,...`.
 */
export function otlpCarrier(address: string, headers = ''): Carrier {
  const url = new URL(address);
  if (url.pathname === '/') url.pathname = '/v1/traces';
  const said = headers.split(',').flatMap((pair) => {
    const at = pair.indexOf('=');
    return at < 1
      ? []
      : [[pair.slice(0, at).trim(), decodeURIComponent(pair.slice(at + 1).trim())]];
  });
  const all = { ...Object.fromEntries(said), 'content-type': 'application/json' };
  return {
    ...{ atOnce: 1, doubtMs: 0, onBroken: () => {} },
    async carry(texts, signal) {
      for (const text of texts) await post(url, all, text, signal);
    },
    close: async () => {},
  };
}

async function post(
  url: URL,
  headers: { readonly [name: string]: string },
  body: string,
  cut: AbortSignal,
): Promise<void> {
  const cannot = (why: string, mayPass: boolean): CannotDeliver =>
    new CannotDeliver('a trace', url.origin + url.pathname, why, mayPass);
  let answer: Response;
  try {
    const signal = AbortSignal.any([cut, AbortSignal.timeout(ANSWER_MS)]);
    answer = await fetch(url, { method: 'POST', headers, body, signal });
    await answer.arrayBuffer();
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    throw cannot(whyFailed(cause), true);
  }
  if (!answer.ok) throw cannot(`it answers ${answer.status}`, isBusy(answer.status));
}

function times(from: PoolEvent, to: PoolEvent) {
  return {
    startTimeUnixNano: String(from.time.nanoseconds),
    endTimeUnixNano: String(to.time.nanoseconds),
  };
}

function hash(digits: number, ...parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, digits);
}

/** A pair of OTLP. */
function said(key: string, value: unknown): { readonly key: string; readonly value: OtlpValue } {
  return { key, value: otlpValue(value) };
}

/**
 * Collectors refuse a request as a whole in which one `intValue` is not the digits of an int64: a
 * greater integer is text, digit by digit, as the specification of OpenTelemetry has it (common/
 * attribute-type-mapping), a greater float (`1e36`) is a double. JSON has no word for what is no
 * number; protobuf's has these.
 */
function otlpValue(value: unknown): OtlpValue {
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'bigint') {
    const text = String(value);
    return BigInt.asIntN(64, value) === value ? { intValue: text } : { stringValue: text };
  }
  if (typeof value === 'number') {
    if (Number.isSafeInteger(value)) return { intValue: String(value) };
    return { doubleValue: Number.isFinite(value) ? value : String(value) };
  }
  if (value instanceof Timestamp) return { stringValue: formatTimestamp(value) };
  if (typeof value === 'string') return { stringValue: value };
  return { stringValue: toJson(value as PoolEvent['attributes'][string]) };
}
