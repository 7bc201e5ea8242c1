/** What a participant answers, or is asked: the fields of a JSON object. */
export type Reply = Readonly<Record<string, unknown>>;

export function isReply(value: unknown): value is Reply {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function numberOf(reply: Reply, field: string): number {
  const value = reply[field];
  if (typeof value === 'number') return value;
  throw new TypeError(`Cannot read the field "${field}": it is no number`);
}

export function textOf(reply: Reply, field: string): string {
  const value = reply[field];
  if (typeof value === 'string') return value;
  throw new TypeError(`Cannot read the field "${field}": it is no text`);
}

export function numbersOf(reply: Reply, field: string): number[] {
  const value = reply[field];
  if (Array.isArray(value) && value.every((item) => typeof item === 'number')) return value;
  throw new TypeError(`Cannot read the field "${field}": it is no list of numbers`);
}
