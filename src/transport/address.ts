import { refuse } from '../core/assert.js';

/** Where a pool listens, and the token that opens it if the address says so. */
export type Address = UnixAddress | TcpAddress;

interface UnixAddress {
  readonly kind: 'unix';
  readonly path: string;
  readonly token: string | null;
  readonly tokenFile: string | null;
}

export interface TcpAddress {
  readonly kind: 'tcp';
  /** Without the brackets of an IPv6 address. */
  readonly host: string;
  /** 0 asks a listener for any port. */
  readonly port: number;
  readonly token: string | null;
  readonly tokenFile: string | null;
}

const TCP = /^tcp:\/\/(?:\[([0-9A-Fa-f:.%]+)\]|([^[\]:/?#@\s]+)):(\d{1,5})\/?$/u;

function bad(address: string, why: string): never {
  return refuse('bad-argument', `Cannot use the address "${withoutToken(address)}": ${why}`, {
    address: withoutToken(address),
  });
}

/** The text without the token: what may stand in messages and logs. */
function withoutToken(address: string): string {
  return address.replace(/([?&]token=)[^&]*/gu, '$1...');
}

function decodeEscapes(address: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return bad(address, 'its escapes (%xx) are no UTF-8');
  }
}

function parseQuery(
  address: string,
  query: string,
): { token: string | null; tokenFile: string | null } {
  let token: string | null = null;
  let tokenFile: string | null = null;
  for (const part of query === '' ? [] : query.split('&')) {
    const equals = part.indexOf('=');
    const key = equals < 0 ? part : part.slice(0, equals);
    const value = equals < 0 ? '' : decodeEscapes(address, part.slice(equals + 1));
    if (value === '') bad(address, `"${key}" says nothing`);
    if (key === 'token') token = value;
    else if (key === 'token-file') tokenFile = value;
    else bad(address, `"${key}" is neither token nor token-file`);
  }
  return { token, tokenFile };
}

/**
 * Parses `unix:/path` or `tcp://host:port`, with `?token=...` or `?token-file=/path` behind it, or
 * refuses it with `bad-argument`. The path of a Unix socket is taken as it stands, up to the first
 * `?`; values of the query may be escaped (%xx).
 */
export function parseAddress(address: string): Address {
  const mark = address.indexOf('?');
  const base = mark < 0 ? address : address.slice(0, mark);
  const query = parseQuery(address, mark < 0 ? '' : address.slice(mark + 1));
  if (base.startsWith('unix:')) {
    const path = base.slice('unix:'.length);
    if (path === '' || path.includes('\0')) bad(address, 'it names no socket');
    return { kind: 'unix', path, ...query };
  }
  const match = TCP.exec(base);
  if (match === null) return bad(address, 'it is neither unix:/path nor tcp://host:port');
  const host = match[1] ?? match[2] ?? '';
  const port = Number(match[3]);
  if (port > 65_535) bad(address, `${port} is no port`);
  return { kind: 'tcp', host, port, ...query };
}

/** The address as text, without its token. */
export function formatAddress(
  address:
    | { readonly kind: 'unix'; readonly path: string }
    | { readonly kind: 'tcp'; readonly host: string; readonly port: number },
): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `tcp://${host}:${address.port}`;
}
