import assert from 'node:assert/strict';
import { selectRegion } from '../../src/core/regions/selection.js';
import * as protocol from '../../src/protocol/index.js';
import type { Call } from './call.js';
import type { EventSeen } from './harness.js';
import type { Member, Part } from './member.js';

const { EVENT, EVENT_NAMES, FROM, SILENCE, SLOW, SUBSCRIBE } = protocol;

export interface SubscribeOptions {
  readonly kinds?: readonly protocol.EventName[];
  readonly topics?: readonly string[];
  readonly select?: string;
  readonly before?: boolean;
  readonly acknowledge?: boolean;
  readonly own?: boolean;
  readonly untilComplete?: boolean;
  /** A standing require. */
  readonly requires?: boolean;
  readonly latest?: boolean;
  readonly from?: keyof typeof FROM;
  readonly seq?: number;
  readonly slow?: keyof typeof SLOW;
  readonly silence?: keyof typeof SILENCE;
  readonly window?: number;
  readonly deadline?: number;
  readonly name?: string;
}

/** A subscription of a member, and what it was told. */
export class Subscriber {
  readonly member: Member;
  readonly number: number;
  readonly made: Call;

  constructor(member: Member, asked: SubscribeOptions, number: number) {
    this.member = member;
    this.number = number;
    const { kinds = [], topics = [], select = '', name = '', window = 0, deadline = 0 } = asked;
    const flags =
      (asked.before === true ? SUBSCRIBE.before : 0) |
      (asked.acknowledge === true ? SUBSCRIBE.acknowledge : 0) |
      (asked.own === true ? SUBSCRIBE.own : 0) |
      (asked.untilComplete === true ? SUBSCRIBE.untilComplete : 0) |
      (asked.requires === true ? SUBSCRIBE.requires : 0) |
      (asked.latest === true ? SUBSCRIBE.latest : 0);
    const fields = {
      ...{ subscription: number, member: member.number, topics, flags, window, deadline, name },
      kinds: kinds.reduce((bits, kind) => bits | (1 << EVENT[kind]), 0),
      from: FROM[asked.from ?? 'now'],
      seq: asked.seq ?? 0,
      slow: SLOW[asked.slow ?? 'drop'],
      silence: SILENCE[asked.silence ?? 'allow'],
      selector: select,
    };
    this.made = member.client.call((w) => protocol.writeSubscribe(w, fields));
  }

  /** All that it was told, once each. */
  get events(): readonly EventSeen[] {
    return this.member.client.events.get(this.number) ?? [];
  }

  /** What it was told, in words: `offer x`, `emit steer`, `end`; once each. */
  get told(): readonly string[] {
    return this.events.map((event) => {
      const subject = event.name === '' ? event.topic : event.name;
      return `${EVENT_NAMES[event.eventKind]} ${subject}`.trim();
    });
  }

  /** Of the last delivery. */
  get last(): EventSeen {
    const event = this.events.at(-1);
    assert.ok(event !== undefined, 'it was told something');
    return event;
  }

  /** Deliveries are numbered from `first` on without a gap, but for what comes again. */
  checkNumbers(first = 1): void {
    let n = first;
    for (const event of this.events) {
      if ((event.flags & protocol.EVENT_FLAG.again) !== 0) continue;
      if (event.eventKind === EVENT.cancelled) continue;
      assert.equal(event.n, n++, 'I7: n has no gap');
    }
  }

  acknowledge(n = this.last.n, count = 1): Call {
    return this.member.client.call((w) => protocol.writeAcknowledge(w, this.number, n, count));
  }

  /** A handle on the version that a delivery of a standing require tells of. */
  take(n = this.last.n, { wait = false, region = null }: TakeOptions = {}): Taken {
    return new Taken(this, n, wait, region);
  }

  veto(reason: string, n = this.last.n): Call {
    return this.member.client.call((w) => protocol.writeVeto(w, this.number, n, reason));
  }

  end(forget = false): Call {
    return this.member.client.call((w) => protocol.writeUnsubscribe(w, this.number, forget));
  }
}

interface TakeOptions {
  readonly wait?: boolean;
  readonly region?: Part | null;
}

/** A handle that came by TAKE. */
class Taken {
  readonly #client: Member['client'];
  readonly number: number;
  readonly made: Call;

  constructor({ member, number }: Subscriber, n: number, wait: boolean, part: Part | null) {
    this.#client = member.client;
    this.number = member.client.nextHandle();
    const region = part === null ? null : selectRegion(part[0], part[1]);
    const policy = wait ? protocol.POLICY.wait : protocol.POLICY.fail;
    const fields = { handle: this.number, subscription: number, n, policy, region };
    this.made = this.#client.call((w) => protocol.writeTake(w, fields));
  }

  demand(want = 0): Call {
    const { number } = this;
    return this.#client.call((w) => protocol.writeDemand(w, number, 0, 0, 0, want));
  }

  dispose(): Call {
    return this.#client.call((w) => protocol.writeDispose(w, this.number));
  }
}
