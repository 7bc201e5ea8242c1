import { AttaccaError } from '../../core/errors.js';

/**
 * Which packs a store has, and up to where the records of each were on the disk, when its file was
 * last written: what of that is not there now was lost. A pack is in it once its name is safe, and
 * no longer before it is removed. Ends only grow, so a reader may have an older one.
 */
export class PackList {
  readonly #ends: Map<number, number>;
  readonly #write: (packs: readonly (readonly [number, number])[]) => Promise<void>;
  #isChanged = false;
  #saving: Promise<void> = Promise.resolve();

  constructor(
    packs: Iterable<readonly [number, number]>,
    write: (packs: readonly (readonly [number, number])[]) => Promise<void>,
  ) {
    this.#ends = new Map(packs);
    this.#write = write;
  }

  get isChanged(): boolean {
    return this.#isChanged;
  }

  /** The number and the end of each. */
  get packs(): readonly (readonly [number, number])[] {
    return [...this.#ends];
  }

  /** 0 of one that it does not have. */
  endOf(number: number): number {
    return this.#ends.get(number) ?? 0;
  }

  note(number: number, end: number): void {
    if (end <= this.endOf(number)) return;
    this.#ends.set(number, end);
    this.#isChanged = true;
  }

  forget(number: number): void {
    if (this.#ends.delete(number)) this.#isChanged = true;
  }

  /** One after the other: they have one draft. */
  async save(): Promise<void> {
    this.#saving = this.#saving.catch(() => {}).then(() => this.#saveNow());
    await this.#saving;
  }

  /** Without room for it the next one saves it, and it is false. */
  async saveIfRoom(): Promise<boolean> {
    try {
      await this.save();
      return true;
    } catch (error) {
      if (!(error instanceof AttaccaError && error.code === 'disk-full')) throw error;
      return false;
    }
  }

  async #saveNow(): Promise<void> {
    if (!this.#isChanged) return;
    this.#isChanged = false;
    try {
      await this.#write(this.packs);
    } catch (error) {
      this.#isChanged = true;
      throw error;
    }
  }
}
