import { VERSION_MAX } from '../../src/protocol/index.js';
import type { AnyMessage } from './decode-any.js';
import { Conversation } from './transcript.js';

const NEVER = 0xffff_ffff;

function declare(handle: number, name: string, attributes: [number, string][] = []): AnyMessage {
  return { kind: 'declare', handle, member: 0, name, space: {}, attributes };
}

/** DEMAND of a view, with attributes. */
function demand(handle: number, deadline: number): AnyMessage {
  return { kind: 'demand', handle, deadline, mode: 0, policy: 1, want: 1 };
}

const offer: AnyMessage = {
  kind: 'offer',
  handle: 1,
  scope: 0,
  durability: 0,
  source: 1,
  lifetime: 0,
  payload: Uint8Array.of(1, 2, 3, 4),
};

/** The first connection: an object is offered and delivered, another is waited for. */
function firstConnection(talk: Conversation): void {
  talk.connect();
  talk.send('JOIN, KEY, DECLARE, OFFER within the message', [
    { kind: 'join', member: 0, name: 'example[*]', info: {} },
    { kind: 'key', key: 1, name: 'units' },
    declare(1, 'here', [[1, 'K']]),
    offer,
  ]);
  talk.run('WELCOME, OK for the three others', 1);
  talk.send('DECLARE, DEMAND of what is offered', [declare(2, 'here'), demand(2, 0)]);
  talk.run('OK, DELIVER', 1);
  talk.acknowledge();
  talk.send('DECLARE, DEMAND of what is not offered', [declare(3, 'elsewhere'), demand(3, 1_000)]);
  talk.run('OK; the DEMAND waits. Lost: it does not reach the client', 1, 'lost');
  talk.send(
    'WITHDRAW. Lost: it does not reach the pool',
    [{ kind: 'withdraw', handle: 1, deadline: NEVER }],
    'lost',
  );
}

/** The second one: both send again what the other has not received, then all is ended. */
function secondConnection(talk: Conversation): void {
  talk.connect();
  talk.run('OK for the WITHDRAW', 1);
  talk.send('DISPOSE of what was delivered', [{ kind: 'dispose', handle: 2 }]);
  talk.run('OK', 1);
  talk.send('LEAVE', [{ kind: 'leave', member: 0, deadline: 0 }]);
  talk.run('BYE', 1);
  talk.send('END', [{ kind: 'end' }]);
  talk.run('OK; the pool closes the session and the connection', 1);
}

/** The content of spec/transcript.json: one frame a line. */
export function makeTranscript(): string {
  const talk = new Conversation();
  firstConnection(talk);
  talk.cut();
  // The deadline passes while the client is away: the answer is kept.
  talk.run('', 1_000);
  secondConnection(talk);
  const lines = talk.frames.map((frame) => `    ${JSON.stringify(frame)}`);
  return `{\n  "version": ${VERSION_MAX},\n  "frames": [\n${lines.join(',\n')}\n  ]\n}\n`;
}
