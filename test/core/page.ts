import { readFileSync } from 'node:fs';

/** The text of a page, by its path from the root of the repository. */
export function pageAt(path: string): string {
  return readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
}

/** The rows of all tables whose header begins with `header`, a list of cells each. */
export function rowsOf(page: string, ...header: readonly string[]): string[][] {
  const wanted = header.join('|');
  const rows: string[][] = [];
  let isInside = false;
  for (const line of page.split('\n')) {
    const cells = line.startsWith('|') ? cellsOf(line) : [];
    if (cells.slice(0, header.length).join('|') === wanted) isInside = true;
    else if (cells.length === 0) isInside = false;
    else if (isInside && cells[0] !== '---') rows.push(cells);
  }
  return rows;
}

function cellsOf(line: string): string[] {
  const cells = line.split('|').slice(1, -1);
  return cells.map((cell) => cell.trim());
}

/** A cell that holds a name as code: without its quotes. */
export function nameIn(cell: string | undefined): string {
  return /^`([^`]+)`$/.exec(cell ?? '')?.[1] ?? `no name: ${cell}`;
}
