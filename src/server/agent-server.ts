import { unreachable } from '../core/assert.js';
import { AttaccaError } from '../core/errors.js';
import { type Access, tryLoadLibc } from '../levels/shm/index.js';
import { transfer } from '../pool/transfer.js';
import type { Accept, Hello } from '../protocol/index.js';
import { type Link, type Listener, listen } from '../transport/index.js';
import type { AgentStart, FromAgent, Range, ToAgent, Why } from './agent-messages.js';
import { DataConnection, type DataHost, type GrantedRange } from './data-connection.js';
import { checkHello, sessionUnknown } from './handshake.js';
import { Measurer } from './measurer.js';
import { SessionSecrets } from './secrets.js';
import { type PinnedRange, SlabStore } from './slab-store.js';
import { Storer } from './storer.js';
import { WriteGates } from './write-gates.js';

type Answer = Extract<ToAgent, { kind: 'answer' }>;

const NO_BYTES: Why = { code: 'bad-lease', message: 'Cannot move bytes: no slab has them' };

function whyOf(error: unknown): Why {
  if (error instanceof AttaccaError) return { code: error.code, message: error.message };
  return { code: 'internal', message: error instanceof Error ? error.message : String(error) };
}

/** The agent's side of everything: commands of the pool's thread, and data connections. */
export class AgentServer implements DataHost {
  readonly #start: AgentStart;
  readonly #post: (message: FromAgent) => void;
  readonly #secrets: SessionSecrets;
  readonly gates: WriteGates;
  readonly #connections = new Set<DataConnection>();
  readonly #slotsFree: number[] = [];
  #slotNext = 0;
  readonly #asks = new Map<number, (answer: Answer) => void>();
  #askNext = 1;
  readonly #listeners: Listener[] = [];
  /** Sessions that have ended, some of whose connections are not closed yet. */
  readonly #ending = new Set<number>();
  #store = new SlabStore(null, null);
  readonly #measurer = new Measurer({
    pin: (asked) => this.#store.pin(asked, 'read').catch(() => null),
    tell: (results) => this.#post({ kind: 'measured', results }),
  });
  #storer: Storer | null = null;
  /** Commands change slabs in the order they came. */
  #commands: Promise<void> = Promise.resolve();

  constructor(start: AgentStart, post: (message: FromAgent) => void) {
    this.#start = start;
    this.#post = post;
    this.#secrets = new SessionSecrets(start.secretKey);
    this.gates = new WriteGates(start.writeGates);
  }

  async start(): Promise<void> {
    const { slabs, dataSocket, listen: tcp } = this.#start;
    if (slabs !== null) this.#store = new SlabStore(slabs, await tryLoadLibc());
    const { slabsKept, slabsAdopting } = this.#start;
    const { lost } = await this.#store.takeOver(slabsKept, slabsAdopting);
    const restored = await this.#openStore(lost);
    const options = {
      onLink: (link: Link) => this.#take(link),
      linksMax: this.#start.connectionsMax,
    };
    const none = { token: null, tokenFile: null };
    this.#listeners.push(await listen({ kind: 'unix', path: dataSocket, ...none }, options));
    let port = 0;
    if (tcp !== null) {
      const listener = await listen({ kind: 'tcp', ...tcp, ...none }, options);
      this.#listeners.push(listener);
      if (listener.address.kind === 'tcp') port = listener.address.port;
    }
    this.#post({ kind: 'ready', port, slabsLost: lost, restored });
  }

  /** Brings back what lay in slabs that are gone: before anybody is served. */
  async #openStore(lost: readonly number[]): Promise<number[]> {
    const { store, slabsKept } = this.#start;
    if (store === null) return [];
    const { directory, pool, slabs, versions, ofHeld } = store;
    this.#storer = await Storer.open({
      ...{ directory, pool },
      pin: (range) => this.#store.pin(range, 'read').catch(() => null),
      tell: (told) => this.#post({ kind: 'stored', ...told }),
    });
    const there = new Set(slabsKept.map(({ slab }) => slab).filter((slab) => !lost.includes(slab)));
    const gone = slabs.filter(({ slab }) => !there.has(slab));
    await this.#store.beginAnew(gone);
    const restored = await this.#storer.restore(gone, versions, {
      create: (slab, size) => this.#store.create(slab, size),
      refill: (slab, size, fill) => this.#store.refill(slab, size, fill),
      remove: (slab) => this.#store.remove(slab),
      bytesOf: (range) => this.#store.bytesOf(range),
    });
    await this.#storer.forgetOthers([...versions, ...ofHeld]);
    return restored;
  }

  receive(message: ToAgent): void {
    switch (message.kind) {
      case 'answer': {
        const resolve = this.#asks.get(message.ask);
        this.#asks.delete(message.ask);
        resolve?.(message);
        break;
      }
      case 'poison':
        this.#poison(message.ranges, message.done);
        break;
      case 'session-ended':
        this.#endSession(message.session);
        break;
      case 'slab-wanted':
      case 'slab-gone':
      case 'adopt':
        this.#commands = this.#commands.then(() => this.#command(message));
        break;
      case 'transfer':
        this.#commands = this.#commands.then(() => this.#transfer(message));
        break;
      case 'store':
        this.#commands = this.#commands.then(() => this.#storer?.store(message));
        break;
      case 'unstore':
        this.#commands = this.#commands.then(() => {
          this.#storer?.unstore(message);
        });
        break;
      case 'measure':
        // Behind the commands: one of them may make the slab.
        this.#commands = this.#commands.then(() => this.#measurer.ask(message.asked));
        break;
      case 'stop':
        void this.#stop();
        break;
      default:
        unreachable(message);
    }
  }

  // What data connections ask.

  async open(connection: DataConnection, hello: Hello): Promise<Omit<Accept, 'kind'>> {
    const { door, pool } = this.#start;
    const version = checkHello(hello, door);
    const { session } = hello;
    if (!this.#secrets.check(session, hello.secret)) throw sessionUnknown(session);
    // Before the pool is asked: when the session ends meanwhile, this connection ends with it.
    connection.session = session;
    const { failure } = await this.#ask((ask) => ({ kind: 'ask-open', ask, session }));
    if (failure !== null) throw new AttaccaError(failure.code, failure.message, { session });
    const { poolId, poolName } = door;
    const { secret } = hello;
    return { version, poolId, poolName, session, secret, received: 0, resumed: true, pool };
  }

  async askWrite(connection: DataConnection, range: Range): Promise<GrantedRange | Why> {
    const { session, slot } = connection;
    const { failure, granted } = await this.#ask((ask) => ({
      kind: 'ask-write',
      ask,
      session,
      slot,
      range,
    }));
    return failure ?? { slab: range.slab, ...granted };
  }

  async askRead(connection: DataConnection, range: Range): Promise<Why | null> {
    const { session, slot } = connection;
    const { failure } = await this.#ask((ask) => ({ kind: 'ask-read', ask, session, slot, range }));
    return failure;
  }

  async pin(range: Range, access: Access): Promise<PinnedRange | Why> {
    return (await this.#store.pin(range, access).catch(whyOf)) ?? NO_BYTES;
  }

  closed(connection: DataConnection): void {
    this.#connections.delete(connection);
    this.#slotsFree.push(connection.slot);
    this.#post({ kind: 'closed', slot: connection.slot, session: connection.session });
    this.#quietIfDone(connection.session);
  }

  #take(link: Link): void {
    const slot = this.#slotsFree.pop() ?? this.#slotNext++;
    if (slot >= this.#start.connectionsMax) {
      link.destroy();
      this.#slotNext--;
      return;
    }
    this.#connections.add(new DataConnection(link, slot, this));
  }

  #ask(make: (ask: number) => FromAgent): Promise<Answer> {
    const ask = this.#askNext++;
    return new Promise((resolve) => {
      this.#asks.set(ask, resolve);
      this.#post(make(ask));
    });
  }

  #endSession(session: number): void {
    this.#ending.add(session);
    for (const connection of this.#connections) {
      if (connection.session === session) connection.link.destroy();
    }
    this.#quietIfDone(session);
  }

  /** Says that nothing of a session is under way once its last connection is closed. */
  #quietIfDone(session: number): void {
    if (!this.#ending.has(session)) return;
    for (const connection of this.#connections) if (connection.session === session) return;
    this.#ending.delete(session);
    this.#post({ kind: 'session-quiet', session });
  }

  async #command(
    message: Extract<ToAgent, { kind: 'slab-wanted' | 'slab-gone' | 'adopt' }>,
  ): Promise<void> {
    const { slab } = message;
    if (message.kind === 'slab-gone') {
      await this.#store.remove(slab).catch((error: unknown) => {
        this.#post({ kind: 'slab-stays', slab, why: whyOf(error) });
      });
      return;
    }
    const { size } = message;
    if (message.kind === 'slab-wanted') {
      try {
        await this.#store.create(slab, size);
        this.#post({ kind: 'slab-ready', slab, size });
      } catch (error) {
        this.#post({ kind: 'slab-failed', slab, size, why: whyOf(error) });
      }
      return;
    }
    const { session, request, file } = message;
    const failure = await this.#store.adopt(slab, file, size).then(() => null, whyOf);
    this.#post({ kind: 'adopted', slab, size, session, request, failure });
  }

  /** Slabs that it names are there: the pool was told so, and in this order. */
  #transfer(message: Extract<ToAgent, { kind: 'transfer' }>): void {
    transfer(message, (range) => this.#store.bytesOf(range));
    this.#post({ kind: 'transferred', transfer: message.transfer });
  }

  #poison(ranges: readonly Range[], done: SharedArrayBuffer): void {
    for (const { slab, offset, size } of ranges) this.#store.poison(slab, offset, size);
    const flag = new Int32Array(done);
    Atomics.store(flag, 0, 1);
    Atomics.notify(flag, 0);
  }

  async #stop(): Promise<void> {
    this.#store.close();
    for (const listener of this.#listeners) listener.close().catch(() => {});
    for (const connection of this.#connections) connection.link.destroy();
    await this.#measurer.close();
    // What is under way in the thread pool is cut off with the thread.
    process.exit(0);
  }
}
