/** The first of `leaves` that a path leads through; null: none does. */
export function nameWithin(leaves: readonly string[], paths: readonly string[]): string | null {
  const known = new Set(leaves);
  for (const path of paths) {
    for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) {
      const through = path.slice(0, at);
      if (known.has(through)) return through;
    }
  }
  return null;
}
