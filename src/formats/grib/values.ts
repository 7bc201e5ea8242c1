import { type ChildProcess, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { AttaccaError } from '../../core/errors.js';
import { LIMITS } from '../../core/limits.js';
import type { GribField } from './field.js';
import type { FromEccodes, ToEccodes } from './values-process.js';

/** How ecCodes comes onto a machine. */
const ECCODES_INSTALL = 'apt-get install libeccodes0 (Debian, Ubuntu), or pip install eccodeslib';

/** Its file: beside this one, or beside the bundled command (scripts/setup.mjs). */
function programPath(): string {
  const files = ['./values-process.js', './attacca-eccodes.js'];
  const paths = files.map((file) => fileURLToPath(new URL(file, import.meta.url)));
  return paths.find((path) => existsSync(path)) ?? (paths[0] as string);
}

/** Who waits for a message: what another process says, or of another message, is not for him. */
interface Waiting {
  readonly child: ChildProcess;
  readonly id: number;
  readonly resolve: (field: GribField) => void;
  readonly reject: (error: AttaccaError) => void;
}

/**
 * ecCodes, in a process of its own: made with the first message, and anew after one that ended it.
 * Messages are decoded one after the other.
 */
export class GribValues implements Disposable {
  readonly #env: NodeJS.ProcessEnv;
  readonly #program: string;
  readonly #msMax: number;
  #process: ChildProcess | null = null;
  /** It was not found, and is not looked for again. */
  #absent: AttaccaError | null = null;
  #waiting: Waiting | null = null;
  #last: Promise<unknown> = Promise.resolve();
  #next = 1;

  /** `program` plays another one in tests, which has `msMax` for a message. */
  constructor(
    env: NodeJS.ProcessEnv = process.env,
    program = programPath(),
    msMax: number = LIMITS.gribMessageMsMax,
  ) {
    this.#env = env;
    this.#program = program;
    this.#msMax = msMax;
  }

  /**
   * The field of a message, in memory of its own. `library-unavailable` without ecCodes, with the
   * line that installs it; `bad-grib-message` for what ecCodes does not decode.
   */
  decode(message: Uint8Array): Promise<GribField> {
    const result = this.#last.then(() => this.#decode(message));
    this.#last = result.catch(() => null);
    return result;
  }

  [Symbol.dispose](): void {
    this.#process?.kill();
    this.#process = null;
  }

  async #decode(message: Uint8Array): Promise<GribField> {
    if (this.#absent !== null) throw this.#absent;
    this.#process ??= this.#start();
    const child = this.#process;
    const id = this.#next;
    this.#next += 1;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<GribField>((resolve, reject) => {
        this.#waiting = { child, id, resolve, reject };
        timer = setTimeout(() => {
          // It goes before the next message is told: that one has another process.
          this.#forget(child, 'SIGKILL');
          reject(undecoded(`it was not decoded within ${this.#msMax / 1_000} s`));
        }, this.#msMax);
        const told: ToEccodes = { id, message };
        // A process that has ended is told of by its end.
        child.send(told, () => null);
      });
    } finally {
      clearTimeout(timer);
      this.#waiting = null;
    }
  }

  #start(): ChildProcess {
    const child = fork(this.#program, [], {
      env: this.#env,
      execArgv: [],
      serialization: 'advanced',
      // What ecCodes prints of a message is in its error too.
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    const waiting = (): Waiting | null => (this.#waiting?.child === child ? this.#waiting : null);
    child.on('message', (told: FromEccodes) => {
      if (told.kind === 'found') return;
      const who = waiting();
      if (told.kind === 'absent') {
        this.#forget(child);
        this.#absent = absent(told.tried);
        who?.reject(this.#absent);
      } else if (told.id !== who?.id) return;
      else if (told.kind === 'field') who.resolve(told.field);
      else who.reject(undecoded(told.why));
    });
    child.on('error', (cause) => {
      this.#forget(child);
      waiting()?.reject(absent([cause.message]));
    });
    child.on('exit', (code, signal) => {
      this.#forget(child);
      const how = signal === null ? `with exit code ${code}` : `by ${signal}`;
      waiting()?.reject(undecoded(`ecCodes ended ${how} when it read it`));
    });
    return child;
  }

  #forget(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): void {
    if (this.#process === child) this.#process = null;
    child.kill(signal);
  }
}

function undecoded(why: string): AttaccaError {
  return new AttaccaError('bad-grib-message', `Cannot decode a GRIB message: ${why}`, { why });
}

function absent(tried: readonly string[]): AttaccaError {
  const why = tried.length === 0 ? 'it is not installed' : tried.join('; ');
  const message = `Cannot load ecCodes, which decodes the values of GRIB (install it: ${ECCODES_INSTALL}): ${why}`;
  const fields = { library: 'eccodes', install: ECCODES_INSTALL, tried: [...tried] };
  return new AttaccaError('library-unavailable', message, fields);
}
