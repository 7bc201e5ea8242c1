import type { Client } from './client.js';

/** Who asks for changes: a member, which `Seat` is, or a program that looks. */
export interface Actor {
  readonly client: Client;
  /** Its number in the session; `MEMBER_NONE` for a program that is no member. */
  readonly number: number;
}
