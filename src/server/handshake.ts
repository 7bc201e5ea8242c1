import { AttaccaError } from '../core/errors.js';
import { LIMITS } from '../core/limits.js';
import type { Value, ValueMap } from '../core/value.js';
import { type Hello, negotiateVersion, VERSION_MAX, VERSION_MIN } from '../protocol/index.js';
import { tokensEqual } from './secrets.js';

/** What a HELLO is measured against, on either kind of connection. */
export interface Door {
  readonly token: string;
  readonly poolId: string;
}

/**
 * Checks what every HELLO must bring, and returns the version that both speak. Errors, as they go
 * into REFUSE: `version-mismatch`, `wrong-token`, `wrong-pool`.
 */
export function checkHello(hello: Hello, door: Door): number {
  const version = negotiateVersion(hello);
  if (version === null) {
    throw new AttaccaError(
      'version-mismatch',
      `Cannot talk: this pool speaks versions ${VERSION_MIN} to ${VERSION_MAX} of the protocol, ` +
        `the client ${hello.lowest} to ${hello.highest}`,
      { lowest: VERSION_MIN, highest: VERSION_MAX },
    );
  }
  if (!tokensEqual(hello.token, door.token)) {
    throw new AttaccaError('wrong-token', "Cannot join the pool: the token is not the pool's");
  }
  if (hello.pool !== '' && hello.pool !== door.poolId) {
    throw new AttaccaError('wrong-pool', `Cannot join the pool "${hello.pool}": this is another`, {
      pool: door.poolId,
    });
  }
  return version;
}

/** For a peer whose very first bytes are no frame: what is wrong with them helps nobody. */
export function notAttacca(cause: AttaccaError): AttaccaError {
  return new AttaccaError(
    'bad-frame',
    'Cannot go on: this is not the Attacca protocol (the first bytes are no HELLO)',
    {},
    { cause },
  );
}

export function sessionUnknown(session: number): AttaccaError {
  return new AttaccaError(
    'session-unknown',
    `Cannot go on with session ${session}: it has ended, or its secret is another`,
    { session },
  );
}

/** The limits that clients must know, for ACCEPT (spec/protocol.md, section 4). */
export function limitsForClients(sessionAwayMsMax: number = LIMITS.sessionAwayMsMax): ValueMap {
  const names = [
    'frameBytesMax',
    'dataFrameBytesMax',
    'inlineBytesMax',
    'sessionAwayMsMax',
    'sessionRepliesMax',
    'sessionReplyBytesMax',
    'sessionRequestsMax',
    'sessionRequestBytesMax',
    'sliceAlignBytes',
    'pageAlignFromBytes',
    'pageBytes',
    'slabBytesMax',
    'nameCharactersMax',
    'nameBytesMax',
    'attributesMax',
    'attributeBytesMax',
    'dimensionsMax',
  ] as const;
  const limits: { [name: string]: Value } = {};
  for (const name of names) limits[name] = LIMITS[name];
  return { ...limits, sessionAwayMsMax };
}
