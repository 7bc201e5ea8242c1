import { type JoinOptions, join, type Pool } from '../../src/client/index.js';

let separate = 50_000;

/** A member with a session of its own. */
export async function member(
  { address }: { readonly address: string },
  name: string,
  options: Partial<JoinOptions> = {},
): Promise<Pool> {
  separate++;
  return await join({ address, member: name, reconnectMs: separate, ...options });
}

export const SPACE = { dtype: 'float64', shape: [4_096] } as const;

export async function offer(pool: Pool, name: string, value: number): Promise<void> {
  const object = pool.object(name, { space: SPACE });
  await object.allocate();
  object.array.fill(value);
  await object.offer();
}

export async function valueAt(pool: Pool, name: string, index: number): Promise<unknown> {
  await using got = await pool.object<'float64'>(name).demand();
  return got.array[index];
}

export async function namesOf(pool: Pool, glob: string): Promise<string[]> {
  const names: string[] = [];
  for await (const name of pool.list(glob)) names.push(name);
  return names;
}
