import { numberOf, type Reply } from '../harness/reply.js';
import type { Mode, Parcel } from './transport.js';

/** The parcel that a request speaks of. */
export function parcelOf(request: Reply): Parcel {
  const mode: Mode = request['mode'] === 'own' ? 'own' : 'place';
  return { seq: numberOf(request, 'seq'), bytes: numberOf(request, 'bytes'), mode };
}
