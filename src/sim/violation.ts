/** What a rule of the contract is called in reports. */
export type Rule =
  | 'I1 transitions'
  | 'I2 immutable'
  | 'I3 withdraw, leave'
  | 'I4 leases'
  | 'I5 bytes'
  | 'exactly once'
  | 'acknowledged is kept'
  | 'replay is the same'
  | 'model'
  | 'liveness'
  | 'nothing is left';

/** A promise of the contract that was seen broken. */
export class Violation extends Error {
  override readonly name = 'Violation';
  readonly rule: Rule;

  constructor(rule: Rule, message: string) {
    super(`${rule}: ${message}`);
    this.rule = rule;
  }
}

/** Throws a {@link Violation} unless `holds`. */
export function must(holds: boolean, rule: Rule, message: () => string): asserts holds {
  if (!holds) throw new Violation(rule, message());
}
