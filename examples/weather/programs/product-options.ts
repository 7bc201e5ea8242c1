import type { FieldOptions } from '../exchange/exchange.js';
import { type Place, type Plan, PRODUCT_UNITS, type Product } from '../plan.js';

/** What a product's object says of itself. */
export function productOptions(
  { stream, grid }: Plan,
  product: Product,
  place: Partial<Place> & Pick<Place, 'level'>,
): FieldOptions<'float32'> {
  const units = PRODUCT_UNITS[product];
  return {
    attributes: { class: 'rd', expver: 'demo', stream, date: 20000101, product, ...place, units },
    space: { dtype: 'float32', shape: [grid.latitudes.length, grid.longitudes.length] },
  };
}
