/** `1 object`, `2 objects`, `1,000 objects`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  const digits = String(count).replace(/\B(?=(?:\d{3})+$)/gu, ',');
  return `${digits} ${count === 1 ? one : many}`;
}
