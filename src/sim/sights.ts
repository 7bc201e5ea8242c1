import type { MSight } from './oracle-state.js';
import { must, type Rule } from './violation.js';

/** What came of a read is what was visible to its member, cell by cell. */
export function look(found: Uint32Array | null, name: string, sights: readonly MSight[]): void {
  if (found === null) return;
  for (const [at, sight] of sights.entries()) {
    const mark = found[at] as number;
    const rule = faultOf(sight, mark);
    const words = (): string => `"${name}": ${mark} at ${at}, not ${meant(sight).join(' or ')}`;
    must(rule === null, rule ?? 'G8 visible', words);
  }
}

function meant({ own, written, from, end }: MSight): number[] {
  const marks = written.slice(from, end).map(({ mark }) => mark);
  return own === null ? marks : [own, ...marks];
}

/** Which promise a mark breaks that came; null: none. */
function faultOf(sight: MSight, mark: number): Rule | null {
  const { own, written, from, end, held } = sight;
  if (mark === own) return null;
  const at = written.findLastIndex((each) => each.mark === mark);
  if (at >= from && at < end) return null;
  if (at >= 0) return at < from ? 'G8 late' : 'G8 early';
  return held.has(mark) ? 'G8 early' : 'G8 visible';
}
