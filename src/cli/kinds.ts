import { isPoolKind } from '../client/events/options.js';
import { nearest } from '../core/suggest.js';
import { quoted } from './format.js';
import { say } from './output.js';

/** Kinds that a program may name; `gap`, `end` and `cancelled` are told whether one does or not. */
const KINDS: readonly string[] = [
  ...['declare', 'seal', 'offer', 'require', 'demand', 'withdraw', 'retract', 'dispose', 'delete'],
  ...['tag', 'promise', 'close', 'join', 'leave', 'crash', 'lost', 'ready'],
];

/**
 * Says of kinds that are nearly one of the pool's own: any other name is what members emit, so a
 * mistyped one is never refused, and nothing would ever come.
 */
export function noteKinds(command: string, kinds: readonly string[]): void {
  for (const kind of kinds) {
    if (isPoolKind(kind)) continue;
    const meant = nearest(kind.toLowerCase(), KINDS);
    if (meant.length === 0) continue;
    const which = meant.map(quoted).join(' or ');
    say(`attacca ${command}: ${quoted(kind)} is what members emit; did you mean ${which}?`);
  }
}
