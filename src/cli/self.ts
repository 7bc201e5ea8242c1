/** The command line that runs this program once more, with other words. */
export function selfCommand(...words: readonly string[]): [string, ...string[]] {
  const [node, script] = process.argv;
  if (node === undefined || script === undefined)
    throw new Error('this program was not run by Node');
  return [node, ...process.execArgv, script, ...words];
}
