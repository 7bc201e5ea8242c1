/** What `--sync` means, for people. */
export function syncText(sync: boolean): string {
  return sync ? 'answers wait for the disk' : 'answers do not wait for the disk (--sync never)';
}
