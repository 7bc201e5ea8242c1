import assert from 'node:assert/strict';
import { mkdir, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { crc32 } from 'node:zlib';
import { decodeHeader, encodeHeader, HEADER_BYTES } from '../../src/journal/segment.js';
import { decodePoolInfo, encodePoolInfo } from '../../src/loop/pool-info.js';
import type { ServeOptions } from '../../src/server/index.js';
import { Child } from './child.js';
import { scratch } from './pool-fixture.js';

/** Where its process is killed while it starts. */
interface Deaths {
  readonly killAtStamp?: boolean;
  readonly killAtRecord?: boolean;
}

/** A pool that is kept in a directory, served by one process after another. */
export class KeptPool {
  readonly address: string;
  readonly data: string;
  readonly shmDirectory: string;
  readonly #t: TestContext;
  readonly #options: ServeOptions;
  #child: Child | null = null;

  private constructor(t: TestContext, directory: string, options: ServeOptions) {
    this.#t = t;
    this.address = `unix:${directory}/socket`;
    this.data = join(directory, 'kept');
    this.shmDirectory = join(directory, 'shm');
    this.#options = options;
  }

  static async make(t: TestContext, options: ServeOptions = {}): Promise<KeptPool> {
    const directory = await scratch(t);
    const pool = new KeptPool(t, directory, options);
    await mkdir(pool.shmDirectory, { mode: 0o700 });
    return pool;
  }

  /** Starts a process that serves it, and returns when it answers. */
  async start(options: ServeOptions & Deaths = {}): Promise<void> {
    const { address, data, shmDirectory } = this;
    const all: ServeOptions & Deaths = {
      address,
      data,
      shmDirectory,
      name: 'kept',
      memoryBytes: 32 << 20,
      segmentBytes: 16 << 20,
      ...this.#options,
      ...options,
    };
    this.#child = new Child(this.#t, './serve-child.js', [JSON.stringify(all)], 'ready');
    const said = await this.#child.line('{');
    if (JSON.parse(said).kind !== 'ready') throw new Error(`the pool was not served: ${said}`);
  }

  /** Ends the process as a loss of memory would, at once. */
  async kill(): Promise<void> {
    this.#child?.process.kill('SIGKILL');
    await this.#child?.exit();
  }

  /** Waits for its process to end by itself. */
  async exit(): Promise<number | NodeJS.Signals | null> {
    return (await this.#child?.exit()) ?? null;
  }

  /** Stops the pool in order; the exit code. */
  async stop(): Promise<number | NodeJS.Signals | null> {
    this.#child?.process.kill('SIGTERM');
    return (await this.#child?.exit()) ?? null;
  }

  async restart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  /** Makes the journal say that it was written before the host has booted. */
  async pretendBoot(): Promise<void> {
    const names = await readdir(this.data);
    const name = names.find((each) => each.startsWith('journal-')) ?? '';
    const file = await open(join(this.data, name), 'r+');
    const page = new Uint8Array(HEADER_BYTES);
    await file.read(page, 0, page.length, 0);
    const header = decodeHeader('journal', page, crc32, name);
    assert.ok(header !== null);
    const info = { ...decodePoolInfo(header.info), bootId: 'another boot' };
    const changed = encodeHeader('journal', { ...header, info: encodePoolInfo(info) }, crc32);
    await file.write(changed, 0, changed.length, 0);
    await file.close();
  }
}
