import type { Selector } from '../core/selector/ast.js';
import { numberOf } from '../core/selector/satisfies.js';
import type { Value } from '../core/value.js';
import { pinsOf } from './event-standing.js';
import type { MMissed, MStanding, MSubscription } from './event-state.js';
import { shown } from './event-wants.js';
import { readSelector } from './finding.js';
import {
  type Expected,
  type MMember,
  type MPromise,
  type MSession,
  type MVersion,
  Refusal,
} from './oracle-state.js';
import { isSelected } from './selected.js';

/** What a step queue is asked to be. */
export interface MQueueAsked {
  readonly name: string;
  readonly text: string;
  readonly by: string;
  readonly keep: number;
  readonly maxAhead: number;
}

interface MQueue {
  readonly asked: MQueueAsked;
  readonly selector: Selector;
  readonly stepOf: Map<MVersion, number>;
  /** The newest step that each has begun who has offered to it. */
  readonly producers: Map<MMember, number>;
}

interface StepOracleParts {
  readonly promises: () => readonly MPromise[];
  readonly isThere: (member: MMember) => boolean;
  readonly subscriptions: () => Iterable<MSubscription>;
  /** A queue is forgotten: those end that are of its steps. */
  readonly end: (one: MSubscription) => void;
  readonly withdraw: (version: MVersion, queue: string) => void;
}

/** The model of step queues. */
export class StepOracle {
  /** Somebody has done with a step: who waits for that is looked at again. */
  isDue = false;
  readonly #queues = new Map<string, MQueue>();
  readonly #parts: StepOracleParts;

  constructor(parts: StepOracleParts) {
    this.#parts = parts;
  }

  define(asked: MQueueAsked): Expected {
    const known = this.#queues.get(asked.name);
    if (known !== undefined && JSON.stringify(known.asked) !== JSON.stringify(asked)) {
      throw new Refusal('bad-argument');
    }
    const selector = readSelector(asked.text);
    const queue = { asked, selector, stepOf: new Map(), producers: new Map() };
    if (known === undefined) this.#queues.set(asked.name, queue);
    return { kind: 'ok' };
  }

  forget(name: string): Expected {
    if (!this.#queues.delete(name)) return { kind: 'ok' };
    for (const one of [...this.#parts.subscriptions()]) {
      if (one.standing !== null && one.asked.topics.includes(name)) this.#parts.end(one);
    }
    this.isDue = true;
    return { kind: 'ok' };
  }

  has(name: string): boolean {
    return this.#queues.has(name);
  }

  /** How many steps are offered in all queues, and the sum of their numbers. */
  get counts(): { readonly steps: number; readonly stepSum: number } {
    const all = [...this.#queues.values()].flatMap(offeredOf);
    return { steps: all.length, stepSum: all.reduce((sum, step) => sum + step, 0) };
  }

  /** A version is offered. */
  offered(version: MVersion): void {
    const tags = new Map([...version.attributes, ...version.object.tags]);
    for (const queue of this.#queues.values()) {
      const step = stepIn(queue, version.object.name, tags);
      if (step === null) continue;
      queue.stepOf.set(version, step);
      const newest = queue.producers.get(version.member) ?? step;
      queue.producers.set(version.member, Math.max(newest, step));
    }
  }

  /** Whether a version is of the queue that a standing require names, if it names one. */
  isOf({ asked: { topics } }: MSubscription, version: MVersion): boolean {
    const [name] = topics;
    return name === undefined || this.#queues.get(name)?.stepOf.has(version) === true;
  }

  /** One has done with a version; `left`: what it keeps still. */
  unpinned(version: MVersion, left: readonly MVersion[]): void {
    for (const { stepOf } of this.#queues.values()) {
      const step = stepOf.get(version);
      if (step === undefined || left.some((each) => stepOf.get(each) === step)) continue;
      this.isDue = true;
    }
  }

  /** Withdraws what a queue does not keep; false: there is nothing more. */
  keepNext(): boolean {
    for (const queue of this.#queues.values()) {
      const { asked, stepOf } = queue;
      let isOver = false;
      while (asked.keep > 0 && offeredOf(queue).length > asked.keep) {
        const oldest = Math.min(...offeredOf(queue));
        for (const [version, step] of [...stepOf]) {
          if (step === oldest && version.offered) this.#parts.withdraw(version, asked.name);
        }
        isOver = true;
      }
      if (isOver) return true;
    }
    return false;
  }

  /** Whether an offer is of a step that is too far ahead of one who requires. */
  isAhead(session: MSession, name: string, tags: ReadonlyMap<string, Value>): boolean {
    for (const queue of this.#queues.values()) {
      const { maxAhead } = queue.asked;
      const step = maxAhead === 0 ? null : stepIn(queue, name, tags);
      if (step === null) continue;
      for (const one of this.#parts.subscriptions()) {
        if (one.standing === null || one.asked.latest) continue;
        if (one.attachments.some((each) => each.session === session)) continue;
        const behind = new Set<number>();
        for (const version of pinsOf(one)) behind.add(queue.stepOf.get(version) ?? step);
        if ([...behind].filter((each) => each < step).length >= maxAhead) return true;
      }
    }
    return false;
  }

  /**
   * What one who wants the newest is given next: of the step that it has, or, when all of that is
   * done, of the newest that is whole; what is older is let go. Null: it waits.
   */
  nextOfNewest(
    { asked, unacked }: MSubscription,
    standing: MStanding,
    letGo: (versions: readonly MVersion[]) => void,
  ): MVersion | MMissed | null {
    const queue = this.#queues.get(asked.topics[0] ?? '');
    if (queue === undefined) return null;
    const stepOf = (version: MVersion): number => queue.stepOf.get(version) ?? 0;
    const next = takeFirst(standing, (version) => stepOf(version) === standing.step);
    if (next !== null || unacked.size > 0) return next;
    const steps = standing.list.map(stepOf).filter((step) => this.#isWhole(queue, step));
    if (steps.length === 0) return null;
    const step = Math.max(...steps);
    standing.step = step;
    const passed = standing.list.filter((version) => stepOf(version) < step);
    standing.list = standing.list.filter((version) => stepOf(version) >= step);
    letGo(passed);
    if (passed.length === 0) return takeFirst(standing, (version) => stepOf(version) === step);
    const older = passed.map(stepOf);
    const [from, to] = [Math.min(...older), Math.max(...older)];
    return { from, to, steps: new Set(older).size };
  }

  /** All who offer to it have begun a later one, have left, or have closed what they promised. */
  #isWhole({ producers }: MQueue, step: number): boolean {
    const promises = this.#parts.promises();
    if (promises.length > 0 && promises.every(({ state }) => state === 'closed')) return true;
    return [...producers].every(([member, newest]) => {
      if (newest > step || !this.#parts.isThere(member)) return true;
      const own = promises.filter(({ by }) => by === member.name);
      return own.length > 0 && !own.some((each) => each.member === member);
    });
  }
}

function offeredOf({ stepOf }: MQueue): number[] {
  const steps = new Set<number>();
  for (const [version, step] of stepOf) if (version.offered) steps.add(step);
  return [...steps];
}

function stepIn(
  { asked, selector }: MQueue,
  name: string,
  tags: ReadonlyMap<string, Value>,
): number | null {
  const step = numberOf(tags.get(asked.by) ?? null);
  if (typeof step !== 'number' || !Number.isSafeInteger(step)) return null;
  return isSelected(selector, shown(name, new Map(tags))) ? step : null;
}

function takeFirst(standing: MStanding, isWanted: (version: MVersion) => boolean): MVersion | null {
  const at = standing.list.findIndex(isWanted);
  return at < 0 ? null : (standing.list.splice(at, 1)[0] ?? null);
}
