import { write } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { fileError } from '../../core/file-error.js';
import type { TraceOutput } from './sink.js';

const STDOUT = 1;

/** A file, made anew; `-` is standard output. */
export class FileOutput implements TraceOutput {
  readonly #path: string;
  readonly #file: FileHandle | null;
  #text: string[] = [];
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string, file: FileHandle | null) {
    this.#path = path;
    this.#file = file;
  }

  static async create(path: string): Promise<FileOutput> {
    if (path === '-') return new FileOutput(path, null);
    try {
      return new FileOutput(path, await open(path, 'w'));
    } catch (error) {
      throw fileError('write', path, error);
    }
  }

  write(text: string): void {
    this.#text.push(text);
  }

  /** What is written at a time is in the order in which it came. */
  flush(): Promise<void> {
    const text = this.#text.join('');
    this.#text = [];
    if (text !== '') this.#writing = this.#writing.then(() => this.#append(text));
    return this.#writing;
  }

  async close(): Promise<void> {
    try {
      await this.flush();
    } finally {
      await this.#file?.close();
    }
  }

  async #append(text: string): Promise<void> {
    try {
      if (this.#file !== null) await this.#file.appendFile(text);
      else await writeAll(text);
    } catch (error) {
      throw fileError('write', this.#path, error);
    }
  }
}

async function writeAll(text: string): Promise<void> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) {
    at += await new Promise<number>((resolve, reject) => {
      write(STDOUT, bytes, at, (error, count) => (error === null ? resolve(count) : reject(error)));
    });
  }
}
