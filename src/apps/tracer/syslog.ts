import { createSocket, type Socket as Datagrams } from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { hostname } from 'node:os';
import type { PoolEvent } from '../../client/index.js';
import { AttaccaError } from '../../core/errors.js';
import { whyFailed } from '../../core/system-errors.js';
import { printable } from '../../core/unseen.js';
import { formatTimestamp, toJson } from '../json.js';
import type { TraceOutput, TraceSink } from './sink.js';

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
  readonly #output: TraceOutput;

  constructor(output: TraceOutput) {
    this.#output = output;
  }

  take(event: PoolEvent): void {
    this.#output.write(syslogMessage(event));
  }

  flush(): Promise<void> {
    return this.#output.flush();
  }

  close(): Promise<void> {
    return this.#output.close();
  }
}

/** `udp://host:port` or `tcp://host:port`; ports 514 and 601 where none is said. */
export async function syslogOutput(address: string): Promise<TraceOutput> {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url?.protocol === 'udp:') return new UdpOutput(url.hostname, Number(url.port) || 514);
  if (url?.protocol === 'tcp:') {
    const socket = connect(Number(url.port) || 601, url.hostname);
    await once(socket, 'connect').catch((error: unknown) => {
      throw cannotSend(address, error);
    });
    return new TcpOutput(address, socket);
  }
  const why = 'it is udp://HOST:PORT or tcp://HOST:PORT';
  throw new AttaccaError('bad-argument', `Cannot send messages to "${address}": ${why}`);
}

function cannotSend(address: string, error: unknown): AttaccaError {
  const message = `Cannot send messages to "${address}": ${whyFailed(error)}`;
  return new AttaccaError('file-error', message, { path: address }, { cause: error });
}

/** A datagram each (RFC 5426): nobody says whether it has arrived. */
class UdpOutput implements TraceOutput {
  readonly #socket: Datagrams;
  readonly #host: string;
  readonly #port: number;
  #sending: Promise<void> = Promise.resolve();

  constructor(host: string, port: number) {
    // URLs write addresses of IPv6 in brackets.
    this.#host = host.replace(/^\[|\]$/gu, '');
    this.#socket = createSocket(this.#host.includes(':') ? 'udp6' : 'udp4');
    this.#port = port;
  }

  write(text: string): void {
    this.#sending = this.#sending.then(
      () =>
        new Promise((resolve, reject) => {
          this.#socket.send(text, this.#port, this.#host, (error) => {
            if (error === null) resolve();
            else reject(cannotSend(`udp://${this.#host}:${this.#port}`, error));
          });
        }),
    );
    this.#sending.catch(() => {
      // Told by flush.
    });
  }

  flush(): Promise<void> {
    return this.#sending;
  }

  async close(): Promise<void> {
    try {
      await this.flush();
    } finally {
      this.#socket.close();
    }
  }
}

/** Each message behind its length (RFC 6587). */
class TcpOutput implements TraceOutput {
  readonly #address: string;
  readonly #socket: Socket;
  #failure: Error | null = null;

  constructor(address: string, socket: Socket) {
    this.#address = address;
    this.#socket = socket;
    socket.on('error', (error) => {
      this.#failure = error;
    });
    // Nobody answers; what comes is not kept.
    socket.resume();
  }

  write(text: string): void {
    const bytes = Buffer.from(text);
    this.#socket.write(Buffer.concat([Buffer.from(`${bytes.length} `), bytes]));
  }

  async flush(): Promise<void> {
    if (this.#socket.writableNeedDrain) {
      await Promise.race([once(this.#socket, 'drain'), once(this.#socket, 'close')]);
    }
    if (this.#failure !== null) throw cannotSend(this.#address, this.#failure);
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#socket.once('close', () => resolve());
      this.#socket.end(() => this.#socket.destroy());
      if (this.#socket.destroyed) resolve();
    });
    await this.flush();
  }
}
