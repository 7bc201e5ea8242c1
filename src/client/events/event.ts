import { AttaccaError, type ErrorFields, isErrorCode } from '../../core/errors.js';
import type { Dtype, Order } from '../../core/space.js';
import { Timestamp, type ValueMap } from '../../core/value.js';
import { EVENT, EVENT_FLAG, EVENT_NAMES, type readEvent } from '../../protocol/index.js';

/** What has happened in a pool, or is about to. */
export interface PoolEvent {
  /** Counted from 1 in its subscription, without a gap. */
  readonly n: number;
  /** Its place in the pool's history. */
  readonly seq: number;
  /**
   * `offer`, `withdraw`, ...; of what a member emits the name it was emitted under. Beside those
   * `gap` (events are gone: `missed`) and `cancelled` (what `n` told of will not be).
   */
  readonly kind: string;
  readonly when: 'before' | 'after';
  /** Who does it; '' for nobody in particular. */
  readonly member: string;
  /** Of `moved`: where its bytes are now, too, `store` or `memory`; else ''. */
  readonly to: string;
  /** The step queue that has done it, and no member; else ''. */
  readonly queue: string;
  /** The name of the object; of promises what was promised, of joins and ends the member's. */
  readonly name: string;
  /** The version that it is about; 0 for none. */
  readonly version: number;
  /** Of the object, with its tags, as they were then; of what was emitted, what it says. */
  readonly attributes: ValueMap;
  readonly dtype: Dtype | undefined;
  readonly shape: readonly (number | null)[] | undefined;
  readonly order: Order | undefined;
  /** By the clock of the pool's host. */
  readonly time: Timestamp;
  /** Whether it was there when the subscription began, and is told as its offer was. */
  readonly isSnapshot: boolean;
  /** Whether one was told of it before who did not acknowledge it: this program, or another. */
  readonly isAgain: boolean;
  /** Of a gap: the first and last `seq` that are gone. */
  readonly missed: { readonly from: number; readonly to: number } | null;
}

/** An event as it came, decoded. */
export function eventOf(message: ReturnType<typeof readEvent>): PoolEvent {
  const { flags, space, fields } = message;
  const isQueue = (flags & EVENT_FLAG.queue) !== 0;
  const isGap = message.kind === EVENT.gap;
  // Written out: an event that is put together of spread parts costs several times as much.
  return {
    n: message.n,
    seq: message.seq,
    kind: message.kind === EVENT.emit ? message.topic : (EVENT_NAMES[message.kind] ?? ''),
    when: (flags & EVENT_FLAG.before) !== 0 ? 'before' : 'after',
    member: isQueue ? '' : message.member,
    queue: isQueue ? message.member : '',
    to: message.kind === EVENT.moved ? message.topic : '',
    name: message.name,
    version: message.version,
    attributes: message.attributes,
    dtype: space.dtype,
    shape: space.shape,
    order: space.order,
    time: new Timestamp(BigInt(Math.trunc(message.timeMs)) * 1_000_000n),
    isSnapshot: (flags & EVENT_FLAG.snapshot) !== 0,
    isAgain: (flags & EVENT_FLAG.again) !== 0,
    missed: isGap ? { from: Number(fields['from']), to: Number(fields['to']) } : null,
  };
}

/** Why something has ended, or cannot be had, as a delivery says it. */
export function reasonOf({ reason, message, fields }: ValueMap): AttaccaError {
  const code = typeof reason === 'string' && isErrorCode(reason) ? reason : 'internal';
  return new AttaccaError(code, String(message), (fields ?? {}) as ErrorFields);
}
