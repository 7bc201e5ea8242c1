import { createSocket, type Socket as Datagrams } from 'node:dgram';
import { connect, type Socket } from 'node:net';
import { hostname } from 'node:os';
import type { PoolEvent } from '../../client/index.js';
import { AttaccaError } from '../../core/errors.js';
import { systemCode, whyFailed } from '../../core/system-errors.js';
import { printable } from '../../core/unseen.js';
import { formatTimestamp, toJson } from '../json.js';
import { ending, pause } from '../pause.js';
import { CannotDeliver, type Carrier, type Delivery } from './delivery.js';
import type { TraceSink } from './sink.js';

/** RFC 5424: facility local0, and the severities of what goes wrong and of all else. */
const FACILITY = 16;
const WARNING = 4;
const INFORMATIONAL = 6;
const WRONG: ReadonlySet<string> = new Set(['crash', 'lost', 'gap', 'when.failed']);
/** An id of private data needs the number of an enterprise: this one is for examples (RFC 5612). */
const DATA_ID = 'attacca@32473';

/** An event as a message of syslog. */
function syslogMessage(event: PoolEvent, host = hostname(), pid = process.pid): string {
  const { kind, member, name, version, seq, time, attributes } = event;
  const priority = FACILITY * 8 + (WRONG.has(kind) ? WARNING : INFORMATIONAL);
  const stamp = formatTimestamp(time);
  const data = { seq: String(seq), member, name, version: String(version) };
  const pairs = Object.entries(data).map(([key, value]) => `${key}="${escaped(value)}"`);
  // Of 32 characters that are printed.
  const id = kind.replace(/[^!-~]/gu, '_').slice(0, 32);
  const by = member === '' || member === name ? '' : ` by ${member}`;
  const said = toJson(attributes);
  // A message is a line, and is read on terminals.
  const text = printable(`${kind} "${name}"${by}${said === '{}' ? '' : ` ${said}`}`);
  const head = `<${priority}>1 ${stamp} ${host} attacca ${pid} ${id}`;
  return `${head} [${DATA_ID} ${pairs.join(' ')}] \ufeff${text}`;
}

function escaped(value: string): string {
  return printable(value).replace(/["\\\]]/gu, '\\$&');
}

/** Events as messages of syslog. */
export class SyslogSink implements TraceSink {
  readonly #delivery: Delivery;

  constructor(delivery: Delivery) {
    this.#delivery = delivery;
  }

  take(event: PoolEvent): void {
    this.#delivery.add(syslogMessage(event), 1);
  }

  flush(): Promise<void> {
    return this.#delivery.flush();
  }

  close(withinMs: number): Promise<void> {
    return this.#delivery.close(withinMs);
  }
}

/** `udp://host:port` or `tcp://host:port`; ports 514 and 601 where none is said. */
export async function syslogCarrier(address: string): Promise<Carrier> {
  const url = URL.canParse(address) ? new URL(address) : null;
  // URLs write addresses of IPv6 in brackets.
  const host = url?.hostname.replace(/^\[|\]$/gu, '') ?? '';
  if (url?.protocol === 'udp:') return new UdpCarrier(host, Number(url.port) || 514);
  if (url?.protocol === 'tcp:') {
    const carrier = new TcpCarrier(address, host, Number(url.port) || 601);
    // An address at which nobody is, is told at once.
    await carrier.open();
    return carrier;
  }
  const why = 'it is udp://HOST:PORT or tcp://HOST:PORT';
  throw new AttaccaError('bad-argument', `Cannot send messages to "${address}": ${why}`);
}

function cannotSend(address: string, error: unknown): CannotDeliver {
  return new CannotDeliver('messages', address, whyFailed(error), true);
}

/** A datagram each (RFC 5426): nobody says whether it has arrived. */
class UdpCarrier implements Carrier {
  readonly atOnce = 1;
  readonly doubtMs = 0;
  onBroken: (error: CannotDeliver) => void = () => {};
  readonly #socket: Datagrams;
  readonly #host: string;
  readonly #port: number;

  constructor(host: string, port: number) {
    this.#host = host;
    this.#socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    this.#port = port;
  }

  async carry(texts: readonly string[]): Promise<void> {
    for (const text of texts) {
      await new Promise<void>((resolve, reject) => {
        this.#socket.send(text, this.#port, this.#host, (error) => {
          if (error === null) resolve();
          else reject(cannotSend(`udp://${this.#host}:${this.#port}`, error));
        });
      });
    }
  }

  async close(): Promise<void> {
    this.#socket.close();
  }
}

/** A connection that takes nothing for so long is ended. */
const STUCK_MS = 10_000;
/** How long who has closed the connection may take to be noticed, and who hears our end. */
const LINGER_MS = 100;
const FAREWELL_MS = 400;

/**
 * Each message behind its length (RFC 6587). Nobody says what has arrived: what was written just
 * before a connection ended is in doubt.
 */
class TcpCarrier implements Carrier {
  readonly atOnce = 256;
  readonly doubtMs = 1_000;
  onBroken: (error: CannotDeliver) => void = () => {};
  readonly #address: string;
  readonly #host: string;
  readonly #port: number;
  #socket: Socket | null = null;
  #why: unknown = null;

  constructor(address: string, host: string, port: number) {
    this.#address = address;
    this.#host = host;
    this.#port = port;
  }

  /** Connects, if it is not. */
  async open(signal?: AbortSignal): Promise<Socket> {
    if (this.#socket !== null) return this.#socket;
    const socket = connect(this.#port, this.#host);
    socket.on('error', (error) => {
      this.#why = error;
    });
    await this.#waited(socket, signal, (done) => socket.once('connect', () => done()));
    // Nobody answers; what comes is not kept. Who ends his side hears no more.
    socket.resume();
    socket.once('end', () => {
      this.#why ??= new Error('the other end has closed the connection');
      socket.destroy();
    });
    socket.once('close', () => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      this.onBroken(cannotSend(this.#address, this.#why));
    });
    this.#why = null;
    this.#socket = socket;
    return socket;
  }

  async carry(texts: readonly string[], signal: AbortSignal): Promise<void> {
    const socket = await this.open(signal);
    const parts = texts.flatMap((text) => {
      const bytes = Buffer.from(text);
      return [Buffer.from(`${bytes.length} `), bytes];
    });
    await this.#waited(socket, signal, (done) => socket.write(Buffer.concat(parts), done));
  }

  async close(signal: AbortSignal): Promise<void> {
    const socket = this.#socket;
    this.#socket = null;
    if (socket === null) return;
    // Who has closed it already does not read the last ones: that is known soon.
    await closed(socket, LINGER_MS, signal);
    if (!socket.closed) {
      socket.end();
      await closed(socket, FAREWELL_MS, signal);
      if (systemCode(this.#why) === '') {
        socket.destroy();
        return;
      }
    }
    socket.destroy();
    throw cannotSend(this.#address, this.#why);
  }

  /** When it is done; an error when the connection ends before, or nothing happens. */
  async #waited(
    socket: Socket,
    signal: AbortSignal | undefined,
    begin: (done: (error?: Error | null) => void) => void,
  ): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const stuck = (): void => {
        this.#why ??= new Error('it takes nothing');
        socket.destroy();
      };
      const timer = setTimeout(stuck, STUCK_MS);
      const over = (error?: unknown): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', stuck);
        socket.off('close', gone);
        if (error === undefined || error === null) resolve();
        else reject(cannotSend(this.#address, error));
      };
      const gone = (): void => over(this.#why ?? new Error('the connection has ended'));
      socket.once('close', gone);
      signal?.addEventListener('abort', stuck, { once: true });
      if (socket.destroyed) gone();
      else begin(over);
      if (signal?.aborted === true) stuck();
    });
  }
}

/** When it is closed, for so long. */
async function closed(socket: Socket, ms: number, signal: AbortSignal): Promise<void> {
  const over = ending();
  const end = (): void => over.abort();
  if (socket.closed || signal.aborted) return;
  socket.once('close', end);
  signal.addEventListener('abort', end, { once: true });
  await pause(ms, over.signal);
  socket.off('close', end);
  signal.removeEventListener('abort', end);
}
