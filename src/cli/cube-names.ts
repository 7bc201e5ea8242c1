import type { Client } from '../client/client.js';
import { isCube } from '../client/cubes/definition.js';
import type { PoolView } from '../client/pool-view.js';
import { AttaccaError } from '../core/errors.js';
import { quoted } from './format.js';
import { shellQuote } from './shell-quote.js';

/** So many names are looked at: with more nobody has taken a cube for an object. */
export const LOOKED_AT_MAX = 16;

/** A session of a command. */
export interface Asked {
  readonly client: Client;
  readonly view: PoolView;
}

/** That a name is one of a cube, of which there is no object; null: it is none. */
export async function cubeError(
  session: Asked,
  what: string,
  name: string,
  more = '',
): Promise<AttaccaError | null> {
  if (!(await isCube(session.client, name))) return null;
  const how = `it is a cube: attacca cube ${shellQuote(name)}${more}`;
  return new AttaccaError('bad-argument', `Cannot ${what} ${quoted(name)}: ${how}`, { name });
}

/** Before anybody waits for it: `bad-argument` of a cube that is named as an object. */
export async function refuseCubes(
  session: Asked,
  what: string,
  names: readonly string[],
  more = '',
): Promise<void> {
  if (names.length > LOOKED_AT_MAX) return;
  const found = await Promise.all(
    names.map(async (name) => {
      return (await isNamed(session.view, name))
        ? null
        : await cubeError(session, what, name, more);
    }),
  );
  const error = found.find((each) => each !== null);
  if (error !== undefined) throw error;
}

/** Whether there is, or is to be, an object of that name: that some wait for it says nothing. */
async function isNamed(view: PoolView, name: string): Promise<boolean> {
  try {
    return (await view.stat(name))['state'] !== 'required';
  } catch (error) {
    if (error instanceof AttaccaError && error.code === 'unknown-object') return false;
    throw error;
  }
}
