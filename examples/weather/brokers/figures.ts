/** The figures of a run with brokers, and what is wrong with them. */
import { formatBytes, formatCount, formatMs, percentile } from '../demo/format.js';
import type { Ended } from './conductor.js';

export function sumUp(ended: readonly Ended[], tookMs: number) {
  const all = (role: string, figure: string): number[] =>
    ended.flatMap((each) => (each.role === role ? (each.result[figure] ?? []) : []));
  const sum = (role: string, figure: string): number =>
    all(role, figure).reduce((total, each) => total + each, 0);
  const [taken, made] = ['broker', 'worker'].map((role) =>
    all(role, 'latenciesMs').toSorted((one, other) => one - other),
  );
  return {
    promised: sum('producer', 'promised'),
    bytes: sum('producer', 'bytes'),
    vetoed: sum('contract', 'vetoed'),
    vetoes_heard: sum('producer', 'vetoed'),
    checked: sum('broker', 'taken'),
    products_again: sum('worker', 'again'),
    late_told: sum('late', 'told'),
    late_told_before: sum('late', 'before'),
    late_missing: sum('late', 'missing') + sum('late', 'unknown'),
    late_products: sum('late', 'products'),
    took_s: tookMs / 1_000,
    offer_to_checked_p50_ms: percentile(taken ?? [], 0.5),
    offer_to_checked_p99_ms: percentile(taken ?? [], 0.99),
    offer_to_product_p50_ms: percentile(made ?? [], 0.5),
    offer_to_product_p99_ms: percentile(made ?? [], 0.99),
  };
}

export type Figures = ReturnType<typeof sumUp>;

/** What is not as it should be; empty when all is. */
export function faultsOf(figures: Figures): string[] {
  const { promised } = figures;
  const due = {
    ...{ checked: promised, late_told: promised, late_missing: 0, late_products: promised },
    ...{ vetoed: 1, vetoes_heard: 1 },
  };
  return Object.entries(due).flatMap(([name, value]) => {
    const is = figures[name as keyof typeof due];
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
  ];
}
