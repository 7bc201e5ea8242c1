import * as protocol from '../protocol/index.js';
import type { Answer } from './answers.js';
import type { Asking, Client } from './asking.js';
import { Refusal } from './oracle-state.js';
import { CELL_BYTES } from './slabs.js';

const { HANDLE_NONE } = protocol;

export function lease(asking: Asking, client: Client, atLeast = 1): void {
  const { leaseBytesMax, leaseLimit } = asking.options;
  const dice = asking.dice;
  const size = dice(40) === 0 ? leaseLimit + 1 : atLeast + dice(leaseBytesMax);
  const least = dice(2) === 0 ? size : atLeast + dice(size - atLeast + 1);
  const handles = [...client.holdings.handles.keys()];
  const handle = handles.length > 0 && dice(2) === 0 ? asking.of(handles) : null;
  const { wire, ms } = asking.deadline(3);
  asking.ask(
    client,
    `lease ${least} to ${size} for ${handle ?? 'none'} within ${wire}`,
    (w) => protocol.writeLease(w, size, least, handle ?? HANDLE_NONE, wire),
    (oracle, session, request) => {
      if (least > leaseLimit) throw new Refusal('too-large');
      asking.following.asks(`${session.id}/${request}`, size, least);
      return oracle.lease(session, request, handle, oracle.now + ms);
    },
    { onAnswer: (answer) => granted(client, answer, null), waitsMs: ms },
  );
}

function granted(client: Client, answer: Answer, adopted: number | null): void {
  if (answer.kind !== 'grant' || client.process.isEnding) return;
  client.holdings.putBack({ range: answer.range, adopted });
}

export function giveBack(asking: Asking, client: Client): void {
  const taken = client.holdings.take(1 + asking.dice(asking.options.leaseBytesMax));
  const range = taken?.range ?? { slab: 1_000, offset: 64 * asking.dice(9), size: 64 };
  if (taken === null && asking.dice(4) !== 0) {
    lease(asking, client);
    return;
  }
  const { slab, offset, size } = range;
  asking.ask(
    client,
    `return ${slab}+${offset} of ${size}`,
    (w) => protocol.writeReturn(w, slab, offset, size),
    (oracle, session) => oracle.giveBack(session, range),
  );
}

export function adopt(asking: Asking, client: Client): void {
  // Who has no shared memory has no file in it.
  if (client.link !== null) {
    lease(asking, client);
    return;
  }
  const mark = asking.nextMark();
  const size = CELL_BYTES * (1 + asking.dice(64));
  const file = asking.agent.file(mark);
  asking.ask(
    client,
    `adopt ${file} of ${size}`,
    (w) => protocol.writeAdopt(w, file, size),
    (_, session, request) => {
      const code = asking.following.failures.get(`${session.id}/${request}`);
      return code === undefined ? null : { kind: 'fail', code };
    },
    // The agent answers within its time.
    { onAnswer: (answer) => granted(client, answer, mark), waitsMs: 1 },
  );
}
