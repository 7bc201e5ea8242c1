import { numberIn } from '../journal/segment.js';

/** A start that takes longer says how far it is, each time that so much has gone by. */
const TELL_MS = 2_000;

interface StartProgressOptions {
  /** Of the directory, before anything is read. */
  readonly files: readonly { readonly name: string }[];
  /** Milliseconds of a clock that only goes on. */
  readonly now: () => number;
  readonly log: (line: string) => void;
}

/** Tells how far a journal has been read: done again, a long one takes minutes. */
export class StartProgress {
  readonly #options: StartProgressOptions;
  /** Numbers of the records with which segments begin. */
  readonly #firsts: readonly number[];
  #records = 0;
  #tellAt: number;

  constructor(options: StartProgressOptions) {
    this.#options = options;
    this.#firsts = options.files
      .map(({ name }) => numberIn('journal', name) ?? 0)
      .filter((first) => first > 0)
      .sort((one, other) => one - other);
    this.#tellAt = options.now() + TELL_MS;
  }

  /** A record was done again. */
  record(number: number): void {
    this.#records++;
    const { now, log } = this.#options;
    const ms = now();
    if (ms < this.#tellAt) return;
    this.#tellAt = ms + TELL_MS;
    const segment = this.#firsts.filter((first) => first <= number).length;
    const records = this.#records.toLocaleString('en-US');
    const of = `segment ${segment} of ${this.#firsts.length}`;
    log(`reading the journal: ${records} records so far, ${of}`);
  }
}
