import { join } from 'attacca';
import type { FieldPool } from './exchange.js';

/** Joins the pool that ATTACCA_POOL names. */
export async function joinPool(member: string): Promise<FieldPool> {
  return await join({ member });
}
