import type { Reader } from '../core/bytes.js';
import type { Value, ValueMap } from '../core/value.js';
import {
  Deliver,
  DURABILITIES,
  FRAME_HEADER_SIZE,
  Grant,
  MESSAGE,
  Messages,
  Ok,
  readBye,
  readDeliver,
  readFail,
  readGrant,
  readOk,
  readWelcome,
} from '../protocol/index.js';

/** How a request ended. */
export interface Answer {
  /** `ok`, or the code of an error. */
  readonly outcome: string;
  readonly fields: ValueMap;
}

/** Answers by session and request. */
export type Answers = Map<number, Map<number, Answer>>;

/** The answers in frames that were sent; notices are none. */
export function readAnswers(
  frames: readonly { readonly session: number; readonly bytes: Uint8Array }[],
): Answers {
  const answers: Answers = new Map();
  const messages = new Messages();
  const ok = new Ok();
  for (const { session, bytes } of frames) {
    const given = answers.get(session) ?? new Map<number, Answer>();
    answers.set(session, given);
    messages.open(bytes, FRAME_HEADER_SIZE, bytes.length);
    while (messages.next()) {
      if (messages.code === MESSAGE.ok) {
        readOk(messages.reader, ok);
        const answer = { outcome: 'ok', fields: { durability: durabilityOf(ok) } };
        for (let request = ok.first; request <= ok.last; request++) given.set(request, answer);
      } else {
        const one = readAnswer(messages.code, messages.reader);
        if (one !== null) given.set(one.request, one.answer);
      }
    }
  }
  return answers;
}

function durabilityOf({ record, bytes }: Ok): ValueMap {
  return { record: DURABILITIES[record] ?? null, bytes: DURABILITIES[bytes] ?? null };
}

function readAnswer(
  code: number,
  r: Reader,
): { readonly request: number; readonly answer: Answer } | null {
  const ok = (request: number, fields: { readonly [key: string]: Value }) => {
    return { request, answer: { outcome: 'ok', fields } };
  };
  switch (code) {
    case MESSAGE.fail: {
      const { request, code: outcome, message } = readFail(r);
      return { request, answer: { outcome, fields: { message } } };
    }
    case MESSAGE.welcome: {
      const { request, name, member } = readWelcome(r);
      return ok(request, { name, id: member });
    }
    case MESSAGE.bye: {
      const { request, names } = readBye(r);
      return ok(request, { withdrawn: names });
    }
    case MESSAGE.deliver: {
      const deliver = new Deliver();
      readDeliver(r, deliver);
      return ok(deliver.request, { version: deliver.version, bytes: deliver.size });
    }
    case MESSAGE.grant: {
      const grant = new Grant();
      readGrant(r, grant);
      const { request, size, slab, offset } = grant;
      return ok(request, { bytes: size, slab, offset });
    }
    case MESSAGE.value:
      // What was seen is not told: the request is its number, and all that counts is that it came.
      return ok(r.u64(), {});
    default:
      return null;
  }
}
