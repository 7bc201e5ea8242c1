/**
 * Members that make and read arrays in parts are killed, between two regions and in the midst of
 * one. Every element that is handed over is compared; who waits hears what docs/parts.md says. Some
 * seconds; ATTACCA_CRASH_MINUTES=10 for ten minutes of each story, ATTACCA_SEED for another one.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect } from '../../src/client/index.js';
import { type Answer, LONG, PartCrew, SEED, type Worker } from './part-crew.js';
import { placesOf, type Share } from './shares.js';

const WRITERS = 4;
const READERS = 3;
const KINDS = ['calm', 'writer again', 'writer gone', 'reader again'] as const;
const ROUNDS_MIN = 4 * KINDS.length;
type Kind = (typeof KINDS)[number];

/** Regions of one writer, by how far they have come. */
interface Work {
  readonly worker: Worker;
  readonly shares: readonly Share[];
  acknowledged: number;
  /** One more was asked for when it was killed, and may have come through. */
  isUnsure: boolean;
}

const DEALINGS = [
  { kind: 'block' },
  { kind: 'cyclic' },
  { kind: 'block-cyclic', block: 2 },
] as const;

/** What each of some members has of an array, each in up to three regions. */
function dealt(crew: PartCrew, shape: readonly number[], parts: number, pieces: number): Share[][] {
  const axis = crew.below(shape.length);
  const other = (axis + 1) % shape.length;
  const dealing = DEALINGS[crew.below(DEALINGS.length)] ?? DEALINGS[0];
  return Array.from({ length: parts }, (_, part) => {
    const size = shape[other] ?? 1;
    const count = 1 + crew.below(pieces);
    const at = (piece: number): number => Math.floor((size * piece) / count);
    return Array.from({ length: count }, (__, piece) => {
      const cut = [other, at(piece), at(piece + 1)] as const;
      return { shape, axis, part, parts, dealing, cut };
    });
  });
}

/** One object: made by some, read by others, while somebody is killed. */
class Round {
  readonly #crew: PartCrew;
  readonly #object: number;
  readonly #kind: Kind;
  readonly #keep: boolean;
  readonly #works: readonly Work[];
  readonly #readers: readonly { readonly worker: Worker; readonly share: Share }[];

  constructor(crew: PartCrew, kind: Kind, writers: readonly Worker[], readers: readonly Worker[]) {
    this.#crew = crew;
    this.#object = crew.rounds;
    this.#kind = kind;
    // What is kept waits for its missing parts for ever; a reader that comes late needs it.
    this.#keep = kind === 'reader again' || (kind !== 'writer gone' && crew.below(2) === 0);
    const large = crew.below(4) === 0 ? 40 : 1;
    const shape = [4 + crew.below(20), (4 + crew.below(20)) * large];
    if (crew.below(2) === 0) shape.push(1 + crew.below(5));
    const made = dealt(crew, shape, 2 + crew.below(WRITERS - 1), 3);
    this.#works = made.flatMap((shares, at) => {
      const worker = writers[at];
      return worker === undefined ? [] : [{ worker, shares, acknowledged: 0, isUnsure: false }];
    });
    const wanted = dealt(crew, shape, READERS, 1);
    this.#readers = readers.map((worker, at) => {
      const all: Share = {
        ...{ shape, axis: 0, part: 0, parts: 1, dealing: { kind: 'block' } },
        cut: [1, 0, shape[1] ?? 0],
      };
      return { worker, share: at === 0 ? all : (wanted[at]?.[0] ?? all) };
    });
  }

  async run(): Promise<Answer[]> {
    const works = this.#works;
    const object = this.#object;
    const first = works[0]?.shares[0] ?? null;
    await this.#all(works.map(({ worker }) => worker.ask('declare', object, first)));
    await this.#all(this.#readers.map(({ worker, share }) => worker.ask('require', object, share)));
    const victim = this.#kind.startsWith('writer') ? works[this.#crew.below(works.length)] : null;
    const dying = this.#kind === 'reader again' ? this.#crew.below(READERS) : -1;
    const answers = this.#readers.map(({ worker, share }, at) =>
      at === dying ? null : worker.ask('demand', object, share),
    );
    const again = this.#readAgain(dying);
    const offering = works.map((work) => (work === victim ? this.#die(work) : this.#offer(work)));
    await Promise.all(offering);
    if (this.#kind === 'writer gone') await this.#release();
    const all = await Promise.all(answers.map(async (answer) => (await (answer ?? again)) ?? {}));
    if (this.#kind !== 'writer gone') await this.#release();
    return all.map((answer, at) => this.#checked(answer, at));
  }

  /** Offers what is not acknowledged, one region after the other. */
  async #offer(work: Work): Promise<void> {
    for (const share of work.shares.slice(work.acknowledged)) {
      const { code } = await work.worker.ask('offer', this.#object, share, { keep: this.#keep });
      const isThere = code === undefined || (work.isUnsure && code === 'part-overlap');
      assert.ok(isThere, `an offer failed with ${code}`);
      work.isUnsure = false;
      work.acknowledged++;
    }
  }

  /** Offers some, and is killed: between two regions, or while one is under way. */
  async #die(work: Work): Promise<void> {
    const until = this.#crew.below(work.shares.length);
    const { worker, shares } = work;
    await this.#offer({ ...work, shares: shares.slice(0, until) });
    work.acknowledged = until;
    work.isUnsure = this.#crew.below(2) === 0;
    const next = shares[until];
    if (work.isUnsure && next !== undefined) {
      // It ends before it answers, or answers nobody.
      worker.ask('offer', this.#object, next, { keep: this.#keep }).catch(() => {});
    }
    await worker.restart();
    if (this.#kind === 'writer again') await this.#offer(work);
  }

  /** Kills a reader that waits, and asks its next life. */
  async #readAgain(dying: number): Promise<Answer | null> {
    const reader = this.#readers[dying];
    if (reader === undefined) return null;
    const { worker, share } = reader;
    worker.ask('demand', this.#object, share).catch(() => {});
    await worker.restart();
    return await worker.ask('demand', this.#object, share);
  }

  /** Who is left lets go; what is kept goes too. */
  async #release(): Promise<void> {
    const keep = { keep: this.#keep };
    const releasing = this.#works.map(({ worker, shares }) =>
      worker.ask('release', this.#object, shares[0] ?? null, keep),
    );
    await this.#all(releasing);
    if (!this.#keep) return;
    const view = await connect({ address: this.#crew.address });
    await view.unkeep(`f/${this.#object}`);
    await view.close();
  }

  async #all(asked: readonly Promise<Answer>[]): Promise<void> {
    for (const answer of await Promise.all(asked)) assert.deepEqual(answer, {});
  }

  /** What a reader was told is what it should be told. */
  #checked(answer: Answer, at: number): Answer {
    const share = this.#readers[at]?.share;
    assert.ok(share !== undefined);
    const wanted = [...placesOf(share)];
    const has = new Set<number>();
    const mayHave = new Set<number>();
    for (const { shares, acknowledged, isUnsure } of this.#works) {
      shares.forEach((each, index) => {
        if (index < acknowledged) for (const place of placesOf(each)) has.add(place);
        if (index < acknowledged + (isUnsure ? 1 : 0)) {
          for (const place of placesOf(each)) mayHave.add(place);
        }
      });
    }
    const told = `seed ${SEED}, round ${this.#object}, ${this.#kind}: ${JSON.stringify(answer)}`;
    const isRight = answer['wrong'] === 0 && answer['count'] === wanted.length;
    const isMissing = answer['code'] === 'parts-missing';
    if (wanted.every((place) => has.has(place))) assert.ok(isRight, told);
    else if (wanted.some((place) => !mayHave.has(place))) assert.ok(isMissing, told);
    else assert.ok(isRight || isMissing, told);
    return answer;
  }
}

test('writers and readers of parts are killed', LONG, async (t) => {
  const crew = await PartCrew.make(t, { isKept: false });
  const writers = Array.from({ length: WRITERS }, (_, at) => crew.worker('writer', at));
  const readers = Array.from({ length: READERS }, (_, at) => crew.worker('reader', at));
  const counts = { right: 0, elements: 0, missing: 0 };
  for (; crew.mayGoOn(ROUNDS_MIN); crew.rounds++) {
    const kind = KINDS[crew.rounds % KINDS.length] ?? 'calm';
    for (const answer of await new Round(crew, kind, writers, readers).run()) {
      if (answer['code'] === 'parts-missing') counts.missing++;
      else {
        counts.right++;
        counts.elements += Number(answer['count']);
      }
    }
  }
  t.diagnostic(`${crew.rounds} rounds: ${JSON.stringify(counts)}`);
  assert.ok(counts.right > counts.missing && counts.missing > 0);
  await crew.checkEmpty();
});
