import nodeFs, { constants, fstatSync, statSync } from 'node:fs';
import promises, { type FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname } from 'node:path';
import type { TestContext } from 'node:test';

type Callback = (error: Error | null, written: number) => void;

/**
 * Watches the calls of the system that this process makes until its test ends, and knows what a
 * loss of power would take: files that were written through no O_DSYNC descriptor and not synced
 * since, and folders some of whose names have changed since.
 */
export class Unsynced {
  readonly #files = new Set<number>();
  readonly #folders = new Set<number>();
  /** Descriptors that were opened with O_DSYNC. */
  readonly #through = new Set<number>();
  /** Files that had a new name while something in them was not synced. */
  readonly renamedUnsynced: string[] = [];

  static async watch(t: TestContext): Promise<Unsynced> {
    const unsynced = new Unsynced();
    const probe = await promises.open(tmpdir(), 'r');
    const handles = Object.getPrototypeOf(probe) as FileHandle;
    await probe.close();
    unsynced.#watchHandles(t, handles);
    unsynced.#watchWrites(t);
    unsynced.#watchNames(t);
    syncBuiltinESMExports();
    t.after(() => {
      t.mock.restoreAll();
      syncBuiltinESMExports();
    });
    return unsynced;
  }

  /** Whether all that was written to a file is durable. */
  isSynced(path: string): boolean {
    return !this.#files.has(statSync(path).ino);
  }

  /** Whether all names in a folder are durable. */
  hasSyncedNames(path: string): boolean {
    return !this.#folders.has(statSync(path).ino);
  }

  #watchHandles(t: TestContext, handles: FileHandle): void {
    const { sync, datasync, truncate, writeFile } = handles;
    const unsynced = this;
    /** Wraps a call that makes durable what was written before it began. */
    const syncing = (original: () => Promise<void>) =>
      async function (this: FileHandle): Promise<void> {
        const { ino } = fstatSync(this.fd);
        await original.call(this);
        unsynced.#files.delete(ino);
        unsynced.#folders.delete(ino);
      };
    t.mock.method(handles, 'sync', syncing(sync));
    t.mock.method(handles, 'datasync', syncing(datasync));
    t.mock.method(handles, 'truncate', async function (this: FileHandle, size?: number) {
      unsynced.#files.add(fstatSync(this.fd).ino);
      await truncate.call(this, size);
    });
    t.mock.method(handles, 'writeFile', async function (this: FileHandle, data: Uint8Array) {
      unsynced.#files.add(fstatSync(this.fd).ino);
      await writeFile.call(this, data);
    });
  }

  #watchWrites(t: TestContext): void {
    const { write, writeSync } = nodeFs;
    const wrote = (fd: number): void => {
      if (!this.#through.has(fd)) this.#files.add(fstatSync(fd).ino);
    };
    t.mock.method(
      nodeFs,
      'write',
      (fd: number, bytes: Uint8Array, at: number, size: number, to: number, done: Callback) => {
        wrote(fd);
        write(fd, bytes, at, size, to, done);
      },
    );
    t.mock.method(nodeFs, 'writeSync', (fd: number, bytes: Uint8Array): number => {
      wrote(fd);
      return writeSync(fd, bytes);
    });
  }

  #watchNames(t: TestContext): void {
    const { open, rename, unlink } = promises;
    const changed = (path: string): void => {
      this.#folders.add(statSync(dirname(path)).ino);
    };
    t.mock.method(promises, 'open', async (path: string, flags: number | string, mode?: number) => {
      const handle = await open(path, flags, mode);
      const bits = typeof flags === 'number' ? flags : 0;
      if ((bits & constants.O_CREAT) !== 0) changed(path);
      // A number is used again when its descriptor was closed.
      if ((bits & constants.O_DSYNC) !== 0) this.#through.add(handle.fd);
      else this.#through.delete(handle.fd);
      return handle;
    });
    t.mock.method(promises, 'rename', async (from: string, to: string) => {
      if (!this.isSynced(from)) this.renamedUnsynced.push(`${basename(from)} > ${basename(to)}`);
      await rename(from, to);
      changed(to);
    });
    t.mock.method(promises, 'unlink', async (path: string) => {
      await unlink(path);
      changed(path);
    });
  }
}
