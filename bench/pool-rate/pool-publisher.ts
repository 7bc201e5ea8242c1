import { join } from 'attacca';
import type { Payload, Publisher } from './workload.js';

const RECONNECT_MS = 30_000;

/**
 * A member of a pool. All members of a process share one connection; different times to reconnect
 * are different ways to use a pool, and give each index a connection of its own.
 */
export async function poolPublisher(
  address: string,
  member: { readonly component: string; readonly index: number },
  { bytes, isDurable }: Payload,
): Promise<Publisher> {
  const pool = await join({
    member: `${member.component}[${member.index}]`,
    address,
    reconnectMs: RECONNECT_MS + member.index,
  });
  const data = new Uint8Array(bytes).fill(1);
  const durability = isDurable ? 'fsync' : 'process';
  return {
    async offerMany(fields) {
      if (bytes === 0) await pool.offerMany(fields);
      else
        await pool.offerMany(
          fields.map((field) => ({ ...field, data })),
          { durability },
        );
    },
    async offer({ name, attributes }) {
      await pool.object(name, { attributes }).offer();
    },
  };
}
