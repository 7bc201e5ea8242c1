/** After one of these a slash begins a regular expression; after a value it divides. */
const BEFORE_REGEXP = /(?:^|[=(,:;!&|?{}[+\-*%~^<>]|\b(?:return|typeof|case|of|in|do|else))\s*$/u;

/** Ends of what begins with such a character and is none of our business. */
const QUOTED: { readonly [open: string]: RegExp } = {
  "'": /'(?:\\.|[^'\\\n])*'?/uy,
  '"': /"(?:\\.|[^"\\\n])*"?/uy,
  '//': /\/\/[^\n]*/uy,
  '/*': /\/\*[\s\S]*?\*\//uy,
  '/': /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*/uy,
};

function spaces(text: string): string {
  return text.replace(/[^\n]/gu, ' ');
}

/**
 * TypeScript with spaces in place of comments, texts and regular expressions: what is left is code,
 * in its lines. Simple, not a parser: enough to count braces and to look for words.
 */
export function blank(text: string): string {
  let code = '';
  /** For each template that is open: how many braces within its `${`. */
  const templates: number[] = [];
  for (let at = 0; at < text.length; ) {
    const char = text[at] ?? '';
    const open = templates.at(-1);
    if (char === '`' || (char === '}' && open === 0)) {
      if (char === '}') templates.pop();
      const part = /[`}](?:\\[\s\S]|\$(?!\{)|[^`\\$])*(?:`|\$\{)?/uy;
      part.lastIndex = at;
      const found = part.exec(text)?.[0] ?? char;
      if (found.endsWith('${')) templates.push(0);
      code += spaces(found);
      at += found.length;
      continue;
    }
    if (open !== undefined && (char === '{' || char === '}')) {
      templates[templates.length - 1] = open + (char === '{' ? 1 : -1);
    }
    const skipped = skip(text, at, char, code);
    code += skipped === '' ? char : spaces(skipped);
    at += Math.max(skipped.length, 1);
  }
  return code;
}

/** The comment, text or regular expression that begins here, or ''. */
function skip(text: string, at: number, char: string, before: string): string {
  const pair = text.slice(at, at + 2);
  let pattern = pair === '//' || pair === '/*' ? QUOTED[pair] : QUOTED[char];
  if (pattern === QUOTED['/'] && !BEFORE_REGEXP.test(before.slice(-40))) pattern = undefined;
  if (pattern === undefined) return '';
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? '';
}
