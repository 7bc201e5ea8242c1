import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import type { TestContext } from 'node:test';
import { connect } from '../../src/client/index.js';
import type { ServeOptions } from '../../src/server/index.js';
import { seeded } from '../client/support/proxy.js';
import { Actor } from './actor.js';
import type { Share } from './shares.js';

const MINUTES = Number(process.env['ATTACCA_CRASH_MINUTES'] ?? 0);
export const SEED = Number(process.env['ATTACCA_SEED'] ?? 20_240_101);
export const LONG = { timeout: (MINUTES + 3) * 60_000 };

export type Answer = { readonly [key: string]: unknown };

/** A process that does as it is told, and is started again when it was killed. */
export class Worker {
  readonly #start: () => Actor;
  actor: Actor;
  #last = 0;

  constructor(start: () => Actor) {
    this.#start = start;
    this.actor = start();
  }

  /** Its answer; rejects when it ends before. */
  async ask(what: string, object: number, share: Share | null, more: object = {}): Promise<Answer> {
    const id = ++this.#last;
    const { actor } = this;
    const empty = { shape: [null], axis: 0, part: 0, parts: 1, dealing: {}, cut: [] };
    actor.tell(JSON.stringify({ id, do: what, object, share: share ?? empty, ...more }));
    const line = await actor.line(`${id} `);
    return JSON.parse(line.slice(line.indexOf(' '))) as Answer;
  }

  async restart(): Promise<void> {
    await this.actor.kill();
    this.actor = this.#start();
  }
}

/** A pool in a process of its own, and workers. */
export class PartCrew {
  readonly random = seeded(SEED);
  readonly address: string;
  readonly directory: string;
  manager: Actor;
  rounds = 0;
  readonly #t: TestContext;
  readonly #options: ServeOptions;
  readonly #startedMs = performance.now();

  private constructor(t: TestContext, directory: string, options: ServeOptions) {
    this.#t = t;
    this.directory = directory;
    this.#options = options;
    this.address = `unix:${directory}/pool/socket`;
    this.manager = this.#serve();
  }

  /** `isKept`: its journal is kept, so that it can be killed. */
  static async make(t: TestContext, { isKept }: { readonly isKept: boolean }): Promise<PartCrew> {
    const directory = await mkdtemp(joinPath(tmpdir(), 'attacca-parts-'));
    t.after(() => rm(directory, { recursive: true, force: true }));
    await mkdir(joinPath(directory, 'shm'), { mode: 0o700 });
    const crew = new PartCrew(t, directory, isKept ? { data: joinPath(directory, 'data') } : {});
    await crew.#ready();
    return crew;
  }

  #serve(): Actor {
    const options: ServeOptions = {
      address: this.address,
      shmDirectory: joinPath(this.directory, 'shm'),
      name: 'parts',
      memoryBytes: 48 << 20,
      ...this.#options,
    };
    return new Actor(this.#t, '../server/serve-child.js', [JSON.stringify(options)]);
  }

  async #ready(): Promise<void> {
    const line = await this.manager.line('{');
    assert.equal(JSON.parse(line).kind, 'ready', `${line} ${this.manager.complained}`);
  }

  async restartManager(): Promise<void> {
    await this.manager.kill();
    this.manager = this.#serve();
    await this.#ready();
  }

  /** Every other one moves its bytes over sockets. */
  worker(role: string, at: number): Worker {
    const environment = { ATTACCA_TRANSPORT: at % 2 === 1 ? 'socket' : 'auto' };
    const args = [this.address, `${role}[${at}]`];
    return new Worker(() => new Actor(this.#t, './part-programs.js', args, () => {}, environment));
  }

  mayGoOn(roundsMin: number): boolean {
    if (this.rounds < roundsMin) return true;
    return performance.now() - this.#startedMs < MINUTES * 60_000;
  }

  below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  /** Nothing is left of what was done: no object, require or lease. */
  async checkEmpty(): Promise<void> {
    const view = await connect({ address: this.address });
    const { counts, memory } = (await view.info()) as { [part: string]: { [of: string]: number } };
    await view.close();
    const { objects, versions, handles, requires, readers } = counts ?? {};
    const left = { objects, versions, handles, requires, readers, offered: memory?.['offered'] };
    const none = { objects: 0, versions: 0, handles: 0, requires: 0, readers: 0, offered: 0 };
    assert.deepEqual(left, none);
  }
}
