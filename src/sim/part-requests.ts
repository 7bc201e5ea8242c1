import { AxisSet } from '../core/regions/axis-set.js';
import { Region } from '../core/regions/region.js';
import * as protocol from '../protocol/index.js';
import type { Asking, Client } from './asking.js';
import { contentOf, declare, describe, handleFor } from './handle-requests.js';
import type { Payload } from './oracle-state.js';

/** Elements of what is offered in parts, most of the time: small, so that parts meet. */
const LENGTH = 6;

/** Some of the elements of a shape, and now and then more than it has: a stretch or a stride. */
function placesOf(asking: Asking): { readonly region: Region; readonly places: readonly number[] } {
  const { dice } = asking;
  const stride = dice(3) === 0 ? 2 : 1;
  const start = dice(LENGTH);
  const most = Math.ceil((LENGTH - start) / stride) + (dice(12) === 0 ? 1 : 0);
  const count = dice(20) === 0 ? 0 : 1 + dice(most);
  const axis = AxisSet.blocks({ start, stride, count, block: 1 });
  // Of a shape with room for all of them: whether they lie in the object's is for the pool to say.
  const region = Region.box([4 * LENGTH], [axis]);
  return { region, places: [...axis.toIndices()] };
}

/** Bytes in the message, or a slice of what is leased. */
export function payloadOf(
  asking: Asking,
  client: Client,
  size: number,
): { readonly payload: Payload; readonly undo: () => void } {
  const mark = asking.nextMark();
  const taken = size === 0 || asking.dice(3) === 0 ? null : client.holdings.take(size);
  if (taken === null) {
    const content = new Uint8Array(size).fill(mark);
    return { payload: { kind: 'inline', size, content }, undo: () => {} };
  }
  const { range, adopted } = taken;
  if (adopted === null) asking.fill(client, range, mark);
  const content = contentOf(adopted ?? mark);
  const undo = (): void => client.holdings.putBack(taken);
  return { payload: { kind: 'slice', size, content, range }, undo };
}

export function offerPart(asking: Asking, client: Client): void {
  const handle = handleFor(asking, client, 'part');
  if (handle === null) {
    declare(asking, client);
    return;
  }
  const { dice } = asking;
  const { number } = handle;
  // Who offers parts says what they are parts of.
  if (handle.state === 'declared' && dice(12) !== 0) {
    const attributes = new Map(dice(6) === 0 ? [['a', 1]] : []);
    describe(asking, client, handle, { dtype: 'uint8', length: LENGTH, attributes });
  }
  const { region, places } = placesOf(asking);
  const { payload, undo } = payloadOf(asking, client, places.length);
  const scope = dice(6) === 0 ? 'pool' : 'member';
  const lifetime = asking.lifetime(3);
  const before = handle.state;
  if (before === 'declared' || before === 'sealed') handle.state = 'offered';
  asking.ask(
    client,
    `offer-part elements ${places} of ${number} "${handle.name}" ${payload.kind}, scope ${scope}`,
    (w) =>
      protocol.writeOfferPart(w, {
        handle: number,
        scope: protocol.SCOPE[scope],
        durability: 0,
        lifetime,
        region,
        payload:
          payload.kind === 'slice'
            ? { ...payload.range, kind: 'slice', size: places.length }
            : {
                kind: 'inline',
                bytes: payload.kind === 'inline' ? payload.content : new Uint8Array(),
              },
      }),
    (oracle, session) => oracle.offerPart(session, number, places, payload, scope, lifetime),
    {
      onAnswer: (answer) => {
        if (answer.kind !== 'fail' || client.process.isEnding) return;
        if (handle.state === 'offered' && before !== 'offered') handle.state = 'declared';
        undo();
      },
      needs: payload,
    },
  );
}

export function region(asking: Asking, client: Client): void {
  const handle = handleFor(asking, client, 'region');
  if (handle === null) {
    declare(asking, client);
    return;
  }
  const { number } = handle;
  const wanted = placesOf(asking);
  asking.ask(
    client,
    `region elements ${wanted.places} of ${number}`,
    (w) => protocol.writeRegionFields(w, number, wanted.region),
    (oracle, session) => oracle.region(session, number, wanted.places),
  );
}
