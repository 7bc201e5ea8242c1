import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { isReply, type Reply } from './reply.js';

const READY_MS = 30_000;
const ASK_MS = 60_000;
const STDERR_CHARACTERS_MAX = 4_000;

interface Asked {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * A process that takes part in a measurement. It says what it has to say as lines of JSON: the
 * coordinator writes `{ id, do, ...arguments }`, it answers `{ id, ok: {...} }` or `{ id, error }`.
 * Its first line is `{ id: 0, ok: { clock } }`: it is ready.
 */
export class Participant {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #asked = new Map<number, Asked>();
  #next = 1;
  #stderr = '';
  #over: Error | null = null;
  readonly #ready: Promise<Reply>;

  constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.#child = child;
    this.#ready = this.#expect(0, READY_MS);
    child.stderr?.setEncoding('utf8');
    child.stderr?.on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_CHARACTERS_MAX);
    });
    if (child.stdout !== null) {
      createInterface({ input: child.stdout }).on('line', (line) => this.#onLine(line));
    }
    child.on('error', (error) => this.#end(error.message));
    child.on('exit', (code, signal) => this.#end(`it ended with ${signal ?? code}`));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** What it has said on stderr last. */
  get complaints(): string {
    return this.#stderr;
  }

  /** Waits for its first word, and checks that its clock is ours. */
  async ready(): Promise<void> {
    const reply = await this.#ready;
    const clock = Number(reply['clock']);
    const now = Number(process.hrtime.bigint());
    if (Math.abs(now - clock) > READY_MS * 1e6) {
      throw new Error(`Cannot compare times with ${this.name}: its clock is another`);
    }
  }

  /** Has it do something; an error of its own, its end or the time-out reject. */
  async ask(verb: string, parameters: object = {}, timeoutMs = ASK_MS): Promise<Reply> {
    if (this.#over !== null) throw this.#over;
    const id = this.#next++;
    const reply = this.#expect(id, timeoutMs);
    this.#child.stdin?.write(`${JSON.stringify({ id, do: verb, ...parameters })}\n`);
    return await reply;
  }

  async #expect(id: number, timeoutMs: number): Promise<Reply> {
    return await new Promise<Reply>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#asked.delete(id);
        reject(this.#failure(`no answer within ${timeoutMs} ms`));
      }, timeoutMs);
      this.#asked.set(id, { resolve, reject, timer });
    });
  }

  #onLine(line: string): void {
    let message: unknown;
    try {
      message = JSON.parse(line);
    } catch {
      message = null;
    }
    // Libraries of rivals print on stdout, too: a line that is none of ours goes to the others.
    if (!isReply(message) || typeof message['id'] !== 'number') {
      this.#stderr = `${this.#stderr}${line}\n`.slice(-STDERR_CHARACTERS_MAX);
      return;
    }
    const asked = this.#asked.get(message['id']);
    if (asked === undefined) return;
    this.#asked.delete(message['id']);
    clearTimeout(asked.timer);
    const ok = message['ok'];
    if (isReply(ok)) asked.resolve(ok);
    else asked.reject(this.#failure(String(message['error'])));
  }

  #end(why: string): void {
    this.#over = this.#failure(why);
    for (const { reject, timer } of this.#asked.values()) {
      clearTimeout(timer);
      reject(this.#over);
    }
    this.#asked.clear();
  }

  #failure(why: string): Error {
    const said = this.#stderr.trim().split('\n').slice(-12).join('\n');
    return new Error(`${this.name}: ${why}${said === '' ? '' : `\n${said}`}`);
  }
}
