import { join } from 'attacca';
import type { Publisher } from './workload.js';

const RECONNECT_MS = 30_000;

/**
 * A member of a pool. All members of a process share one connection; different times to reconnect
 * are different ways to use a pool, and give each index a connection of its own.
 */
export async function poolPublisher(
  address: string,
  member: { readonly component: string; readonly index: number },
): Promise<Publisher> {
  const pool = await join({
    member: `${member.component}[${member.index}]`,
    address,
    reconnectMs: RECONNECT_MS + member.index,
  });
  return {
    async offerMany(fields) {
      await pool.offerMany(fields);
    },
    async offer({ name, attributes }) {
      await pool.object(name, { attributes }).offer();
    },
  };
}
