import type { Pool, PoolEvent, SubscribeOptions, Subscription } from '../client/index.js';

/** What becomes of a held operation; `continue` lets it and all that come go. */
export type StepAnswer = 'go' | 'continue' | 'quit' | { readonly veto: string };

/** What {@link step} is told. */
export interface StepOptions extends Pick<SubscribeOptions, 'kinds' | 'select'> {
  /**
   * Says what becomes of an operation that waits; `waiting` more wait behind it. `cancelled` fires
   * when it waits no more, as its program has gone: what is then said is of no account.
   */
  readonly decide: (
    event: PoolEvent,
    how: { readonly waiting: number; readonly cancelled: AbortSignal },
  ) => Promise<StepAnswer>;
  readonly onReady?: (() => void) | undefined;
  /** Of each operation, when it has been decided. */
  readonly onDecided?: ((event: PoolEvent, outcome: StepOutcome) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export type StepOutcome = 'gone on' | 'vetoed' | 'cancelled';

/** How it went. */
export interface StepSummary {
  readonly goneOn: number;
  readonly vetoed: number;
  readonly cancelled: number;
}

/** What of an operation can be seen and steered; not what each handle says by the way. */
const KINDS = [
  ...(['offer', 'withdraw', 'require', 'demand', 'retract', 'delete', 'tag'] as const),
  ...(['promise', 'close', 'join', 'leave', 'emit'] as const),
];

/**
 * Holds each operation that matches until it is let go: single steps of a workflow. Operations wait
 * in the order in which they came. When it ends, in any way, all that it holds goes on.
 *
 * ```ts
 * await step(pool, { kinds: 'offer', decide: async () => 'go', signal });
 * ```
 */
export async function step(pool: Pool, options: StepOptions): Promise<StepSummary> {
  const { kinds = KINDS, select } = options;
  const how = { when: 'before', acknowledge: true, answerMs: Number.POSITIVE_INFINITY } as const;
  await using events = await pool.subscribe({ ...how, kinds, select });
  options.onReady?.();
  return await new Stepper(events, options).run();
}

class Stepper {
  readonly #events: Subscription;
  readonly #options: StepOptions;
  readonly #waiting: PoolEvent[] = [];
  readonly #counts = { goneOn: 0, vetoed: 0, cancelled: 0 };
  #current: { readonly event: PoolEvent; readonly cancel: AbortController } | null = null;
  #isOver = false;
  #lets = false;
  #failure: unknown = null;
  #wake: () => void = () => {};

  constructor(events: Subscription, options: StepOptions) {
    this.#events = events;
    this.#options = options;
  }

  async run(): Promise<StepSummary> {
    const end = new AbortController();
    const { signal } = this.#options;
    const ends = signal === undefined ? end.signal : AbortSignal.any([signal, end.signal]);
    const listening = this.#listen(ends);
    try {
      while (await this.#next()) {
        // Until somebody quits.
      }
    } finally {
      end.abort();
      await listening;
    }
    if (this.#failure !== null) throw this.#failure;
    // Nobody holds them any more.
    for (const event of this.#waiting.splice(0)) this.#go(event);
    return { ...this.#counts };
  }

  /** Takes what comes, while something else waits for its answer. */
  async #listen(signal: AbortSignal): Promise<void> {
    try {
      for (;;) {
        const event = await this.#events.wait({ signal });
        if (event === null) break;
        if (event.kind === 'cancelled') this.#cancelled(event);
        else this.#waiting.push(event);
        this.#wake();
      }
    } catch (error) {
      if (!signal.aborted) this.#failure = error;
    }
    this.#isOver = true;
    this.#current?.cancel.abort();
    this.#wake();
  }

  #cancelled({ n }: PoolEvent): void {
    if (this.#current?.event.n === n) this.#current.cancel.abort();
    const index = this.#waiting.findIndex((event) => event.n === n);
    if (index < 0) return;
    for (const event of this.#waiting.splice(index, 1)) this.#decided(event, 'cancelled');
  }

  /** Has one operation decided; false when it is over. */
  async #next(): Promise<boolean> {
    while (this.#waiting.length === 0 && !this.#isOver) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const event = this.#isOver ? undefined : this.#waiting.shift();
    if (event === undefined) return false;
    if (this.#lets) return this.#go(event);
    const cancel = new AbortController();
    this.#current = { event, cancel };
    const how = { waiting: this.#waiting.length, cancelled: cancel.signal };
    const answer = await this.#options.decide(event, how);
    this.#current = null;
    if (cancel.signal.aborted && !this.#isOver) this.#decided(event, 'cancelled');
    else if (this.#isOver || answer === 'quit') {
      this.#waiting.unshift(event);
      return false;
    } else if (typeof answer === 'object') await this.#veto(event, answer.veto);
    else {
      this.#lets = answer === 'continue';
      this.#go(event);
    }
    return true;
  }

  #go(event: PoolEvent): true {
    this.#events.acknowledge(event);
    this.#decided(event, 'gone on');
    return true;
  }

  async #veto(event: PoolEvent, reason: string): Promise<void> {
    // Else somebody else has decided it meanwhile, or its program has gone.
    const isIt = await this.#events.veto(event, reason);
    this.#decided(event, isIt ? 'vetoed' : 'cancelled');
  }

  #decided(event: PoolEvent, outcome: StepOutcome): void {
    const name = outcome === 'gone on' ? 'goneOn' : outcome;
    this.#counts[name]++;
    this.#options.onDecided?.(event, outcome);
  }
}
