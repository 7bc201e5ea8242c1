import * as protocol from '../protocol/index.js';
import type { Asking, Client } from './asking.js';
import * as objects from './event-objects.js';
import * as sessions from './session-requests.js';

/** Where members meet, and how many: rounds of some are over soon, others wait for many. */
const BARRIERS = [
  { name: 'b1', members: 1 },
  { name: 'b2', members: 2 },
  { name: 'b3', members: 3 },
  { name: 'b5', members: 5 },
  // Of the name of what is offered, too.
  { name: 'x', members: 2 },
] as const;

/** How many members a process has, so that it meets itself. */
const MEMBERS_MAX = 4;

const ASK = { meet, wrongly, come, cancel: sessions.cancel, leave: sessions.leave } satisfies {
  readonly [operation: string]: (asking: Asking, client: Client) => void;
};

/** How often each comes. */
const OPERATIONS: readonly (keyof typeof ASK)[] = [
  ...(['meet', 'meet', 'meet', 'meet', 'meet', 'meet', 'meet', 'meet'] as const),
  ...(['come', 'come', 'leave', 'cancel', 'wrongly'] as const),
];

/** One request about barriers. */
export function act(asking: Asking, client: Client): void {
  ASK[asking.of(OPERATIONS)](asking, client);
}

function meet(asking: Asking, client: Client): void {
  meetAt(asking, client, asking.of(BARRIERS));
}

/** As one of another number than others say, or of none. */
function wrongly(asking: Asking, client: Client): void {
  const { name } = asking.of(BARRIERS);
  meetAt(asking, client, { name, members: asking.dice(5) });
}

function come(asking: Asking, client: Client): void {
  if (client.holdings.members.size < MEMBERS_MAX) objects.join(asking, client);
  else sessions.leave(asking, client);
}

function meetAt(
  asking: Asking,
  client: Client,
  { name, members }: { readonly name: string; readonly members: number },
): void {
  const member = asking.member(client);
  const { wire, ms } = asking.deadline(1);
  asking.ask(
    client,
    `barrier ${member} at ${name} as one of ${members} for ${wire}`,
    (w) => protocol.writeBarrier(w, { member, deadline: wire, members, name }),
    (oracle, session, request) =>
      oracle.meet(session, member, request, { name, members, deadline: oracle.now + ms }),
    {
      waitsMs: ms,
      onAnswer: (answer) => {
        const isMet = answer.kind === 'ok' && members > 1;
        if (isMet) asking.count('met');
        else if (answer.kind === 'fail') asking.count(`did not meet: ${answer.code}`);
      },
    },
  );
}
