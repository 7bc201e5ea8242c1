import assert from 'node:assert/strict';
import * as protocol from '../../../src/protocol/index.js';
import { GRACE_MS, Oracle } from '../../../src/sim/oracle.js';
import type {
  Dtype,
  Expected,
  MHandle,
  MSession,
  MVersion,
  Payload,
  Range,
  Said,
} from '../../../src/sim/oracle-state.js';
import type { Client, Harness } from '../harness.js';
import { Comparison } from './comparison.js';
import { DECK, type Kind, MEANT, type Operation } from './operations.js';
import { PAGE_BYTES, Pages } from './pages.js';

const SESSIONS = 3;
const NAMES = ['x', 'x', 'y', 'z'] as const;
const HANDLES = 10;
const PATTERNS = ['x', 'y', '*', '?', 'z*'] as const;
const MEMBERS = ['m', 'w[*]', 'w[0]', 'w[1]', 'm'] as const;
const { HANDLE_NONE, MODE, POLICY, PROMISE_KIND, SCOPE, WANT } = protocol;

const pick = <T>(list: readonly T[], by: number): T => list[by % list.length] as T;

/**
 * Makes requests of operations, by what the model has at the time, and steps a pool and its model
 * together.
 */
export class Run {
  readonly trace: string[] = [];
  readonly #pool: Harness;
  readonly #oracle: Oracle;
  readonly #pages: Pages;
  readonly #comparison: Comparison;
  readonly #slots: (Client | null)[] = Array.from({ length: SESSIONS }, () => null);
  /** Requests that are not answered yet, of each session. */
  readonly #open = new Map<Client, Set<number>>();
  #content = 0;

  constructor(pool: Harness, pages: number) {
    this.#pool = pool;
    const versions = new Set<MVersion>();
    this.#pages = new Pages(pages, versions);
    this.#oracle = new Oracle(pool.now, this.#pages, versions);
    this.#comparison = new Comparison(pool, this.#oracle, this.#pages);
    // The first session brings the first slab.
    this.#client(0);
  }

  all(operations: readonly Operation[]): void {
    for (let at = 0; at < operations.length; ) {
      const [, slot, , size, batches] = operations[at] as Operation;
      const count = batches % 5 === 0 ? 1 + (size % 4) : 1;
      this.#batch(operations.slice(at, at + count), slot);
      at += count;
      this.#comparison.all(this.#open);
    }
  }

  /** Operations of one session in one frame; what is no request goes by itself. */
  #batch(operations: readonly Operation[], slot: number): void {
    const [first] = operations;
    if (operations.length === 1 && first !== undefined) {
      this.#operation(first, slot);
      return;
    }
    const client = this.#client(slot);
    this.#pool.batch(() => {
      for (const operation of operations) {
        const kind = this.#kindFor(pick(DECK, operation[0]), client, operation[2]);
        if (kind === 'crash' || kind === 'pass' || kind === 'end') continue;
        this.#request(kind, client, operation);
      }
    });
  }

  #operation(operation: Operation, slot: number): void {
    const kind = pick(DECK, operation[0]);
    if (kind === 'pass')
      this.#pass(operation[1] % 7 === 0 ? 1 + (operation[2] % 200) : 1 + (operation[2] % 20));
    else if (kind === 'crash') this.#crash(this.#client(slot));
    else {
      const client = this.#client(slot);
      const possible = this.#kindFor(kind, client, operation[2]);
      if (possible !== 'crash' && possible !== 'pass') this.#request(possible, client, operation);
    }
  }

  #client(slot: number): Client {
    const index = slot % SESSIONS;
    const known = this.#slots[index];
    if (known !== null && known !== undefined && !known.gone) return known;
    const client = this.#pool.client();
    this.#slots[index] = client;
    this.#open.set(client, new Set());
    this.#oracle.open(client.session);
    for (const key of ['a', 'b']) client.key(key);
    this.#pool.settle();
    for (const request of [1, 2]) assert.equal(client.answers.get(request)?.kind, 'ok');
    this.#memberRequest('join', client, [0, 0, 0, slot >> 2, 0]);
    return client;
  }

  #pass(ms: number): void {
    this.trace.push(`pass ${ms}`);
    this.#oracle.pass(ms);
    this.#pool.pass(ms);
  }

  #crash(client: Client): void {
    // Two things due at one moment may end in either order: no grace may end with anything else.
    while (this.#oracle.moments().includes(this.#oracle.now + GRACE_MS)) this.#pass(1);
    this.trace.push(`crash of session ${client.session}`);
    this.#oracle.gone(this.#session(client));
    this.#pool.crash(client);
    this.#open.delete(client);
  }

  #session(client: Client): MSession {
    const session = this.#oracle.sessions.get(client.session);
    assert.ok(session !== undefined);
    return session;
  }

  /** Sends to both: `send` writes the request, `apply` is what the model makes of it. */
  #both(
    client: Client,
    words: string,
    send: Parameters<Client['call']>[0],
    apply: (session: MSession, request: number) => Expected | null,
  ): void {
    const session = this.#session(client);
    const request = client.sent + 1;
    this.trace.push(`${client.session}/${request} ${words}`);
    this.#open.get(client)?.add(request);
    this.#oracle.request(session, request, () => apply(session, request));
    client.call(send);
  }

  /** A number of ms that ends when nothing else does. */
  #deadline(ms: number): number {
    let deadline = 1 + ms;
    while (this.#oracle.moments().includes(this.#oracle.now + deadline)) deadline++;
    return deadline;
  }

  /** The handles that an operation is meant for. */
  #meantFor(kind: Kind, client: Client): MHandle[] {
    const meant = MEANT[kind];
    return [...this.#session(client).handles.values()].filter(
      (each) =>
        (meant?.includes(each.state) ?? true) &&
        (kind !== 'offer' || each.object.current === null) &&
        (kind !== 'demand' || each.demand === null),
    );
  }

  /** Mostly a handle that the operation is meant for, else any number. */
  #handleFor(kind: Kind, client: Client, by: number): number {
    const handles = this.#meantFor(kind, client);
    if (handles.length === 0 || by % 16 === 0) return (by >> 4) % HANDLES;
    return pick(handles, by >> 4).number;
  }

  /** Mostly an operation that can be: what nothing is there for becomes the one that makes it. */
  #kindFor(kind: Kind, client: Client, by: number): Kind {
    if (by % 16 === 1) return kind;
    if (this.#session(client).members.size === 0) return 'join';
    if (MEANT[kind] !== undefined && this.#meantFor(kind, client).length === 0) return 'declare';
    if (kind === 'close' && this.#session(client).promises.size === 0) return 'promise';
    return kind;
  }

  /** Mostly a member that has joined. */
  #memberFor(client: Client, by: number): number {
    const members = [...this.#session(client).members.keys()];
    return members.length === 0 || by % 16 === 0 ? (by >> 4) % 2 : pick(members, by >> 4);
  }

  #request(kind: Exclude<Kind, 'crash' | 'pass'>, client: Client, operation: Operation): void {
    const [, , b, c, d] = operation;
    const handle = this.#handleFor(kind, client, b);
    const name = pick(NAMES, c);
    switch (kind) {
      case 'join':
      case 'leave':
      case 'end':
      case 'promise':
      case 'close':
        this.#memberRequest(kind, client, operation);
        break;
      case 'declare':
      case 'set':
        this.#sayRequest(kind, client, operation);
        break;
      case 'offer':
        this.#offer(client, handle, c, d);
        break;
      case 'demand':
        this.#demand(client, handle, c, d);
        break;
      case 'lease':
      case 'giveBack':
        this.#memoryRequest(kind, client, operation);
        break;
      case 'cancel':
        this.#cancel(client, c);
        break;
      case 'require': {
        const policy = d % 4 === 0 ? POLICY.wait : POLICY.fail;
        this.#both(
          client,
          `require ${handle} policy ${policy}`,
          (w) => protocol.writeRequire(w, handle, policy),
          (session) => this.#oracle.require(session, handle, policy === POLICY.wait),
        );
        break;
      }
      case 'seal':
      case 'retract':
      case 'dispose':
      case 'withdraw':
        this.#handleRequest(kind, client, handle);
        break;
      case 'delete':
      case 'unkeep':
      case 'stat':
      case 'tag':
        this.#objectRequest(kind, client, name, d);
    }
  }

  #handleRequest(
    kind: 'seal' | 'retract' | 'dispose' | 'withdraw',
    client: Client,
    handle: number,
  ): void {
    const write: Record<typeof kind, Parameters<Client['call']>[0]> = {
      seal: (w) => protocol.writeSeal(w, handle),
      retract: (w) => protocol.writeRetract(w, handle),
      dispose: (w) => protocol.writeDispose(w, handle),
      withdraw: (w) => protocol.writeWithdraw(w, handle, 0),
    };
    this.#both(client, `${kind} ${handle}`, write[kind], (session) =>
      kind === 'seal'
        ? this.#oracle.seal(session, handle, client.sent)
        : this.#oracle[kind](session, handle),
    );
  }

  #objectRequest(
    kind: 'delete' | 'unkeep' | 'stat' | 'tag',
    client: Client,
    name: string,
    by: number,
  ): void {
    const oracle = this.#oracle;
    const words = `${kind} "${name}" ${by % 6}`;
    if (kind === 'stat') {
      const write = (w: Parameters<typeof protocol.writeStat>[0]): void =>
        protocol.writeStat(w, name);
      this.#both(client, words, write, () => oracle.stat(name));
    } else if (kind === 'unkeep') {
      const write = (w: Parameters<typeof protocol.writeStat>[0]): void =>
        protocol.writeUnkeep(w, name, protocol.MEMBER_NONE, 0);
      this.#both(client, words, write, () => oracle.unkeep(name, null));
    } else if (kind === 'delete') {
      const force = by % 2 === 0;
      const write = (w: Parameters<typeof protocol.writeStat>[0]): void =>
        protocol.writeDelete(w, name, protocol.MEMBER_NONE, force);
      this.#both(client, words, write, () => oracle.delete(name, force, null));
    } else {
      const set = new Map(by % 2 === 0 ? [[by % 4 === 0 ? 'a' : 'b', by % 5]] : []);
      const removed = by % 3 === 0 ? ['a'] : [];
      const attributes = [...set].map(([key, value]) => [client.key(key), value] as const);
      const keys = removed.map((key) => client.key(key));
      this.#both(
        client,
        words,
        (w) => protocol.writeTag(w, name, protocol.MEMBER_NONE, attributes, keys),
        () => oracle.tag(name, { set, removed }, null),
      );
    }
  }

  #memberRequest(
    kind: 'join' | 'leave' | 'end' | 'promise' | 'close',
    client: Client,
    [, , b, c, d]: Operation,
  ): void {
    const oracle = this.#oracle;
    const member = kind === 'join' ? b % 2 : this.#memberFor(client, b);
    const known = [...this.#session(client).promises.keys()];
    const promise =
      kind === 'close' && known.length > 0 && c % 8 !== 0 ? pick(known, c >> 3) : c % 3;
    if (kind === 'join') {
      const name = pick(MEMBERS, c);
      const write = (w: Parameters<typeof protocol.writeJoin>[0]): void =>
        protocol.writeJoin(w, member, name, {});
      this.#both(client, `join ${member} as ${name}`, write, (s) => oracle.join(s, member, name));
    } else if (kind === 'leave') {
      const write = (w: Parameters<typeof protocol.writeJoin>[0]): void =>
        protocol.writeLeave(w, member, 0);
      this.#both(client, `leave ${member}`, write, (session) => oracle.leave(session, member));
    } else if (kind === 'end') {
      while (oracle.moments().includes(oracle.now + GRACE_MS)) this.#pass(1);
      this.#both(client, 'end', protocol.writeEnd, (session) => {
        oracle.end(session, 'leave');
        return { kind: 'ok' };
      });
    } else if (kind === 'promise') {
      const pattern = pick(PATTERNS, d);
      const glob = /[*?]/u.test(pattern);
      const code = glob ? PROMISE_KIND.glob : PROMISE_KIND.name;
      this.#both(
        client,
        `promise ${promise} of ${member}: ${pattern}`,
        (w) => protocol.writePromise(w, promise, member, code, pattern),
        (session) => oracle.promise(session, promise, member, pattern, glob),
      );
    } else {
      const write = (w: Parameters<typeof protocol.writeJoin>[0]): void =>
        protocol.writeClose(w, promise);
      this.#both(client, `close ${promise}`, write, (session) => oracle.close(session, promise));
    }
  }

  #sayRequest(kind: 'declare' | 'set', client: Client, [, , b, c, d]: Operation): void {
    const { handles } = this.#session(client);
    let handle = kind === 'set' ? this.#handleFor(kind, client, b) : (b >> 3) % HANDLES;
    while (kind === 'declare' && b % 16 !== 0 && handles.has(handle)) handle++;
    const name = pick(NAMES, c);
    const dtype: Dtype | null = d % 16 === 0 ? 'int16' : d % 7 === 0 ? 'uint8' : null;
    const length = d % 31 === 0 ? 2 : null;
    const attributes = new Map<string, number>();
    if (d % 5 === 0) attributes.set('a', d % 3 === 0 ? 1 : 2);
    if (d % 8 === 0) attributes.set('b', d % 3);
    const said: Said = { dtype, length, attributes };
    const space = {
      ...(dtype === null ? {} : { dtype }),
      ...(length === null ? {} : { shape: [length] }),
    };
    const pairs = [...attributes].map(([key, value]) => [client.key(key), value] as const);
    const words = `${handle} ${JSON.stringify({ ...space, ...Object.fromEntries(attributes) })}`;
    if (kind === 'set') {
      this.#both(
        client,
        `set ${words}`,
        (w) => protocol.writeSet(w, handle, space, pairs),
        (session) => this.#oracle.set(session, handle, said),
      );
      return;
    }
    const member = this.#memberFor(client, b);
    this.#both(
      client,
      `declare "${name}" of ${member} as ${words}`,
      (w) => protocol.writeDeclare(w, handle, member, name, space, pairs),
      (session) => this.#oracle.declare(session, handle, member, name, said),
    );
  }

  #offer(client: Client, handle: number, by: number, d: number): void {
    const payload = this.#payload(client, by);
    const scope = d % 3 === 0 ? 'pool' : 'member';
    const lifetime = d % 2 === 0 ? this.#deadline(d % 60) : 0;
    const size = payload.kind === 'nothing' ? 0 : payload.size;
    const replaces = d % 5 === 0;
    const flags = SCOPE[scope] | (replaces ? protocol.OFFER_REPLACES : 0);
    this.#both(
      client,
      `offer ${handle} ${payload.kind} of ${size} bytes, scope ${scope}, lifetime ${lifetime}, replaces ${replaces}`,
      (w) => {
        if (payload.kind === 'nothing') {
          protocol.writeOfferNothing(w, handle, flags, 0, lifetime);
        } else if (payload.kind === 'inline') {
          protocol.writeOfferInline(w, handle, flags, 0, lifetime, payload.content);
        } else {
          const { slab, offset } = payload.range;
          protocol.writeOfferSlice(w, handle, flags, 0, lifetime, slab, offset, size);
        }
      },
      (session) => this.#oracle.offer(session, handle, payload, { scope, lifetime, replaces }),
    );
  }

  /** The pages that a session leases, and knows that it does. */
  #pagesOf(client: Client): Range[] {
    return [...this.#pages.of(this.#session(client))].filter((page) =>
      this.#comparison.arrived.has(page),
    );
  }

  /** Nothing, some bytes, or a page that the session leases, or has leased. */
  #payload(client: Client, by: number): Payload {
    const content = 1 + (this.#content++ % 250);
    const known = this.#pagesOf(client);
    if (by % 4 < 2 && known.length > 0) {
      const page = pick(known, by >> 2);
      const bytes = new Uint8Array(by % 2 === 0 ? PAGE_BYTES : PAGE_BYTES - 6).fill(content);
      this.#pool.slabs.get(page.slab)?.set(bytes, page.offset);
      // Until the answer has come it may be the pool's: it is not written again.
      this.#comparison.arrived.delete(page);
      return { kind: 'slice', size: bytes.length, content: bytes, range: page };
    }
    if (by % 5 === 0) return { kind: 'nothing' };
    return { kind: 'inline', size: by % 5, content: new Uint8Array(by % 5).fill(content) };
  }

  #demand(client: Client, handle: number, c: number, d: number): void {
    const mode = pick(['view', 'own', 'view', 'own', 'peek'] as const, c);
    const patient = d % 5 === 0;
    const want = d % 2 === 0;
    const dispose = d % 3 === 0;
    const wait = this.#deadline((c * 7 + d) % 90);
    const flags = (want ? WANT.attributes : 0) | (dispose ? WANT.dispose : 0);
    const policy = patient ? POLICY.wait : POLICY.fail;
    this.#both(
      client,
      `demand ${handle} ${mode} within ${wait}, policy ${policy}, want ${flags}`,
      (w) => protocol.writeDemand(w, handle, wait, MODE[mode], policy, flags),
      (session, request) =>
        this.#oracle.demand(session, handle, patient, {
          request,
          deadline: this.#oracle.now + wait,
          mode,
          want,
          dispose,
        }),
    );
  }

  #memoryRequest(kind: 'lease' | 'giveBack', client: Client, [, , b, c, d]: Operation): void {
    if (kind === 'lease') {
      const handle = d % 2 === 0 ? this.#handleFor(kind, client, b) : null;
      const wait = this.#deadline(c % 50);
      this.#both(
        client,
        `lease for ${handle ?? 'none'} within ${wait}`,
        (w) => protocol.writeLease(w, PAGE_BYTES, PAGE_BYTES, handle ?? HANDLE_NONE, wait),
        (session, request) => this.#oracle.lease(session, request, handle, this.#oracle.now + wait),
      );
      return;
    }
    const known = this.#pagesOf(client);
    const nowhere = { slab: 99, offset: 0, size: PAGE_BYTES };
    const page: Range = known.length > 0 ? pick(known, c) : nowhere;
    const { slab, offset } = page;
    this.#both(
      client,
      `return ${slab}+${offset}`,
      (w) => protocol.writeReturn(w, slab, offset, PAGE_BYTES),
      (session) => this.#oracle.giveBack(session, page),
    );
  }

  #cancel(client: Client, by: number): void {
    const open = [...(this.#open.get(client) ?? [])];
    const request = open.length > 0 && by % 4 !== 0 ? pick(open, by) : 1 + (by % (client.sent + 3));
    // A request of this very frame may be meant: it is the model's to know what waits.
    this.#both(
      client,
      `cancel ${request}`,
      (w) => protocol.writeCancel(w, request),
      (session) => this.#oracle.cancel(session, request),
    );
  }
}
