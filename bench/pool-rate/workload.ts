/**
 * Six attributes, as ECMWF describes a field. A type, so that it passes as attributes of any API.
 */
export type FieldAttributes = {
  readonly param: string;
  readonly levelist: number;
  readonly step: number;
  readonly number: number;
  readonly date: string;
  readonly class: string;
};

export interface Field {
  readonly name: string;
  readonly attributes: FieldAttributes;
}

const LEVELS = 137;
const STEPS = 145;

/** The `index`-th field that `who` injects; names never come twice. */
export function fieldOf(who: string, index: number): Field {
  const levelist = index % LEVELS;
  const step = Math.floor(index / LEVELS) % STEPS;
  return {
    name: `${who}/t/levelist=${levelist}/step=${step}/${index}`,
    attributes: { param: 't', levelist, step, number: index & 63, date: '20261120', class: 'od' },
  };
}

/** What goes along with each object of a batch. */
export interface Payload {
  /** 0: none. */
  readonly bytes: number;
  /** Its bytes are asked for as `fsync`. */
  readonly isDurable: boolean;
}

/** What takes fields: the product or a rival, through one connection. */
export interface Publisher {
  /** Resolves when all are acknowledged. */
  offerMany(fields: readonly Field[]): Promise<void>;
  /** Resolves when it is acknowledged. */
  offer(field: Field): Promise<void>;
}
