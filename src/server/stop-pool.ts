import { Reader, Writer } from '../core/bytes.js';
import { AttaccaError, isErrorCode } from '../core/errors.js';
import { ENDLESS } from '../core/limits.js';
import type { Value } from '../core/value.js';
import {
  beginMessages,
  endFrame,
  FRAME,
  FrameAssembler,
  MESSAGE,
  Messages,
  ROLE,
  readFail,
  readRefuse,
  readValueAnswer,
  VERSION_MAX,
  VERSION_MIN,
  writeEnd,
  writeHello,
  writeStop,
} from '../protocol/index.js';
import { connect, type Link, parseAddress, tokenOf } from '../transport/index.js';
import { isSocketAlive } from './claim.js';

export interface StopOptions {
  /** Stop although something is still required. */
  readonly force?: boolean | undefined;
  /** How long to wait until the pool is gone. */
  readonly deadlineMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** `required`: the pool goes on, because this is still required. */
export type StopResult =
  | { readonly kind: 'stopped' }
  | { readonly kind: 'required'; readonly required: readonly Value[] };

const DEADLINE_MS = 30_000;
/** The socket's name goes last, a moment after the connection. */
const LOOK_AGAIN_MS = 5;

/** HELLO and STOP in one write, as section 4 of the protocol allows. */
function opening(token: string, force: boolean): Uint8Array {
  const writer = new Writer();
  writeHello(writer, {
    lowest: VERSION_MIN,
    highest: VERSION_MAX,
    role: ROLE.control,
    token,
    pool: '',
    session: 0,
    secret: new Uint8Array(0),
    received: 0,
    process: { client: 'attacca stop', pid: process.pid },
  });
  const frame = beginMessages(writer, 1, 0);
  writeStop(writer, force, ENDLESS);
  endFrame(writer, frame);
  return writer.written();
}

/** END, for a pool that goes on: nothing is left of us then. */
function closing(): Uint8Array {
  const writer = new Writer();
  const frame = beginMessages(writer, 2, 0);
  writeEnd(writer);
  endFrame(writer, frame);
  return writer.written();
}

/** The answer to STOP, if it is in a MESSAGES frame; a refusal is thrown. */
function answerIn(bytes: Uint8Array, start: number, end: number): readonly Value[] | null {
  const messages = new Messages();
  messages.open(bytes, start, end);
  while (messages.next()) {
    const body = new Reader();
    body.reset(messages.reader.bytes, messages.reader.at, messages.reader.limit);
    if (messages.code === MESSAGE.fail) throw asError(readFail(body));
    if (messages.code !== MESSAGE.value) continue;
    const { value } = readValueAnswer(body);
    const { required }: { readonly required?: unknown } = Object(value);
    return Array.isArray(required) ? required : [];
  }
  return null;
}

function asError(said: { readonly code: string; readonly message: string }): AttaccaError {
  return new AttaccaError(isErrorCode(said.code) ? said.code : 'internal', said.message);
}

/** Reads until STOP is answered (`required`) and the link has closed. */
function converse(link: Link, force: boolean, signal: AbortSignal): Promise<readonly Value[]> {
  return new Promise((resolve, reject) => {
    const assembler = new FrameAssembler();
    let required: readonly Value[] | null = null;
    const fail = (error: unknown): void => {
      link.destroy();
      reject(error);
    };
    signal.addEventListener('abort', () => fail(late()), { once: true });
    link.onData = (chunk) => {
      try {
        assembler.push(chunk);
        while (assembler.next()) {
          const { kind, bytes, start, end } = assembler;
          if (kind === FRAME.refuse && required === null) {
            throw asError(readRefuse(bytes, start, end));
          }
          if (kind !== FRAME.messages || required !== null) continue;
          required = answerIn(bytes, start, end);
          if (required !== null && required.length > 0 && !force) link.write(closing());
        }
      } catch (error) {
        fail(error);
      }
    };
    link.onClose = () => {
      if (required !== null) resolve(required);
      else reject(new AttaccaError('connection-lost', 'Cannot stop the pool: it hung up'));
    };
  });
}

function late(): AttaccaError {
  return new AttaccaError('deadline-passed', 'Cannot wait on: the pool has not stopped in time');
}

/**
 * Asks the pool at an address to stop, and waits until it has: until nobody answers there. Errors:
 * `pool-unreachable`, `wrong-token`, `deadline-passed`, `aborted`.
 */
export async function stopPool(address: string, options: StopOptions = {}): Promise<StopResult> {
  const parsed = parseAddress(address);
  const deadline = AbortSignal.timeout(options.deadlineMs ?? DEADLINE_MS);
  const { signal: asked } = options;
  const signal = asked === undefined ? deadline : AbortSignal.any([deadline, asked]);
  const force = options.force === true;
  const token = await tokenOf(parsed);
  const link = await connect(parsed, { signal });
  const ended = converse(link, force, signal);
  link.write(opening(token, force));
  const required = await ended;
  if (required.length > 0 && !force) return { kind: 'required', required };
  while (parsed.kind === 'unix' && (await isSocketAlive(parsed.path))) {
    if (signal.aborted) throw late();
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
  return { kind: 'stopped' };
}
