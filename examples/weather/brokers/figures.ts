/** The figures of a run with brokers, and what is wrong with them. */
import { formatBytes, formatCount, formatMs, percentile } from '../demo/format.js';
import type { Ended } from './conductor.js';

/** What was found in the archiver's store when all had ended. */
export interface Kept {
  readonly listed: number;
  /** Nothing when nothing is wrong. */
  readonly damage: string;
}

export function sumUp(
  ended: readonly Ended[],
  tookMs: number,
  kept: Kept | null,
  restarts: number,
) {
  const all = (role: string, figure: string): number[] =>
    ended.flatMap((each) => (each.role === role ? (each.result[figure] ?? []) : []));
  const sum = (role: string, figure: string): number =>
    all(role, figure).reduce((total, each) => total + each, 0);
  const [taken, made] = ['broker', 'worker'].map((role) =>
    all(role, 'latenciesMs').toSorted((one, other) => one - other),
  );
  return {
    promised: sum('producer', 'promised'),
    behind_middle: sum('producer', 'behindMiddle'),
    bytes: sum('producer', 'bytes'),
    vetoed: sum('contract', 'vetoed'),
    vetoes_heard: sum('producer', 'vetoed'),
    checked: sum('broker', 'taken'),
    products_again: sum('worker', 'again'),
    late_told: sum('late', 'told'),
    late_told_before: sum('late', 'before'),
    late_missing: sum('late', 'missing') + sum('late', 'unknown'),
    late_products: sum('late', 'products'),
    late_fetched: sum('late', 'fetched'),
    ...(kept === null ? null : { conducted: { ...conducted(sum, kept), restarts } }),
    took_s: tookMs / 1_000,
    offer_to_checked_p50_ms: percentile(taken ?? [], 0.5),
    offer_to_checked_p99_ms: percentile(taken ?? [], 0.99),
    offer_to_product_p50_ms: percentile(made ?? [], 0.5),
    offer_to_product_p99_ms: percentile(made ?? [], 0.99),
  };
}

/** Of archiver, librarian and tracer: of those that came to their ends. */
function conducted(sum: (role: string, figure: string) => number, { listed, damage }: Kept) {
  return {
    // What one that was killed has stored the next one finds, if it has to do with it at all.
    archived: sum('archiver', 'objects') + sum('archiver', 'known'),
    archived_bytes: sum('archiver', 'bytes'),
    not_archived: sum('archiver', 'failed'),
    listed,
    damage,
    lent: sum('librarian', 'lent'),
    not_lent: sum('librarian', 'failed'),
    traced: sum('tracer', 'events'),
    not_traced: sum('tracer', 'missed'),
  };
}

export type Figures = ReturnType<typeof sumUp>;

/** What is not as it should be; empty when all is. */
export function faultsOf(figures: Figures): string[] {
  const { promised, late_told_before: before, conducted: beside } = figures;
  const due: Due<Figures> = {
    ...{ checked: promised, late_told: promised, late_missing: 0, late_products: promised },
    ...{ vetoed: 1, vetoes_heard: 1 },
  };
  const faults = differences(figures, due);
  if (before === 0 || before > promised - figures.behind_middle) {
    faults.push(`late_told_before is ${before}, of ${promised}: it did not join in the middle`);
  }
  if (beside === undefined) return faults;
  return [
    ...[...faults, ...differences(figures, { late_fetched: before })],
    ...differences(beside, {
      // What a killed one has done it tells nobody: the store tells what is in it.
      ...(beside.restarts === 0 ? { archived: promised } : {}),
      ...{ not_archived: 0, listed: promised, damage: '', not_lent: 0, not_traced: 0 },
    }),
    ...(beside.lent >= before || beside.restarts > 0
      ? []
      : [`lent is ${beside.lent}, less than ${before}`]),
    ...(beside.traced > 0 ? [] : ['nothing was traced']),
  ];
}

type Due<T> = { readonly [K in keyof T]?: T[K] };

function differences<T extends object>(figures: T, due: Due<T>): string[] {
  return Object.entries(due).flatMap(([name, value]) => {
    const is = figures[name as keyof T];
    return is === value ? [] : [`${name} is ${is}, not ${value}`];
  });
}

export function linesOf(figures: Figures): readonly string[] {
  const count = (figure: number): string => formatCount(figure);
  const { offer_to_checked_p50_ms: checkedMs, offer_to_product_p50_ms: productMs } = figures;
  const after = (median: number, most: number): string =>
    `${formatMs(median)} after its offer, 99 of 100 within ${formatMs(most)}`;
  return [
    `promised       ${count(figures.promised)} fields, ${formatBytes(figures.bytes)}`,
    `vetoed         ${figures.vetoed}, mended and offered again`,
    `checked        ${count(figures.checked)} by their brokers' workers; half of them`,
    `               ${after(checkedMs, figures.offer_to_checked_p99_ms)}`,
    `products       ${count(figures.late_products)}; half of them`,
    `               ${after(productMs, figures.offer_to_product_p99_ms)}`,
    `redelivered    ${count(figures.products_again)}, to who goes on for a worker that died`,
    `told late      ${count(figures.late_told)}, of which ${count(figures.late_told_before)} had been offered before it joined`,
    ...linesBeside(figures),
  ];
}

function linesBeside({ conducted: beside, late_fetched: fetched }: Figures): readonly string[] {
  if (beside === undefined) return [];
  const { archived, archived_bytes: bytes, listed, damage } = beside;
  const count = (figure: number): string => formatCount(figure);
  const sound = damage === '' ? 'nothing damaged' : 'damage';
  return [
    `archived       ${count(archived)} fields, ${formatBytes(bytes)}; attacca ls --store tells ${count(listed)}, attacca fsck ${sound}`,
    `lent           ${count(beside.lent)}; ${count(fetched)} of them late, each as it had been offered`,
    `traced         ${count(beside.traced)} events`,
    ...(beside.restarts === 0 ? [] : [`started again  ${beside.restarts} that were killed`]),
  ];
}
