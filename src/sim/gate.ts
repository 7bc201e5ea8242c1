import { Writer } from '../core/bytes.js';
import { AttaccaError, type ErrorCode } from '../core/errors.js';
import {
  FRAME,
  FrameAssembler,
  readAck,
  readHello,
  writeAccept,
  writeRefuse,
} from '../protocol/index.js';
import type { Accepted, Manager } from './manager.js';
import type { Connection, End } from './network.js';

const SECRET = new Uint8Array(32).fill(1);

/**
 * The manager's end of all connections: frames of bytes, as the server's control connections do it.
 * While there is no manager nobody answers.
 */
export class Gate implements End {
  readonly connections = new Map<number, Connection>();
  readonly #assemblers = new Map<number, FrameAssembler>();
  /** Frames that wait until a batch is stepped: as much as it can hold is gathered. */
  #held: { readonly id: number; readonly kind: number; readonly body: Uint8Array }[] = [];
  readonly #manager: () => Manager | null;
  readonly #onInput: () => void;

  constructor(manager: () => Manager | null, onInput: () => void) {
    this.#manager = manager;
    this.#onInput = onInput;
  }

  onBytes(connection: Connection, bytes: Uint8Array): void {
    const manager = this.#manager();
    if (manager === null) return;
    const { id } = connection;
    this.connections.set(id, connection);
    let assembler = this.#assemblers.get(id);
    if (assembler === undefined) {
      assembler = new FrameAssembler();
      this.#assemblers.set(id, assembler);
    }
    try {
      assembler.push(bytes);
      while (this.connections.has(id) && assembler.next()) {
        const { kind, bytes: all, start, end } = assembler;
        const body = all.slice(start, end);
        if (manager.isFull || this.#held.length > 0) this.#held.push({ id, kind, body });
        else this.#frame(manager, id, kind, body);
      }
    } catch (error) {
      if (!(error instanceof AttaccaError)) throw error;
      manager.closed(id);
      this.refuse(id, error.code);
    }
    this.#onInput();
  }

  /** A batch was stepped: the next one takes what was held. */
  release(manager: Manager): void {
    while (!manager.isFull) {
      const next = this.#held.shift();
      if (next === undefined) return;
      this.#onInput();
      if (this.connections.has(next.id)) this.#frame(manager, next.id, next.kind, next.body);
    }
  }

  /** The manager has ended. */
  reset(): void {
    this.connections.clear();
    this.#assemblers.clear();
    this.#held = [];
  }

  onClosed(connection: Connection): void {
    this.#forget(connection.id);
    this.#manager()?.closed(connection.id);
  }

  accept(id: number, { session, received, resumed }: Accepted): void {
    const w = new Writer(256);
    writeAccept(w, {
      version: 1,
      poolId: 'sim',
      poolName: 'sim',
      session,
      secret: SECRET,
      received,
      resumed,
      pool: {},
    });
    this.connections.get(id)?.toProcess(w.written());
  }

  refuse(id: number, code: ErrorCode): void {
    const w = new Writer(64);
    writeRefuse(w, { retryable: false, code, message: code, fields: {} });
    this.connections.get(id)?.toProcess(w.written());
    this.close(id);
  }

  close(id: number): void {
    this.connections.get(id)?.close();
    this.#forget(id);
  }

  #forget(id: number): void {
    this.connections.delete(id);
    this.#assemblers.delete(id);
  }

  #frame(manager: Manager, id: number, kind: number, body: Uint8Array): void {
    if (kind === FRAME.hello) {
      const { session, received } = readHello(body, 0, body.length);
      manager.hello(id, session, received);
    } else if (kind === FRAME.messages) manager.messages(id, body);
    else manager.ack(id, readAck(body, 0, body.length));
  }
}
