/** What `--sync` means, for people. */
export function syncText(sync: boolean): string {
  return sync ? 'answers wait for the disk' : 'answers do not wait for the disk (--sync never)';
}

/** What a pool that is kept says of it when it starts. */
export function keptLine(name: string, directory: string, sync: boolean): string {
  return `pool "${name}" is kept in "${directory}"; ${syncText(sync)}`;
}
