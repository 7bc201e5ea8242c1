/** Connections: addresses, listening, connecting, and links that carry bytes. */
export {
  type Address,
  formatAddress,
  parseAddress,
  type TcpAddress,
} from './address.js';
export { connect } from './connect.js';
export { LINK_LIMITS } from './limits.js';
export type { Link } from './link.js';
export { type Listener, type ListenOptions, listen } from './listen.js';
export { checkSocketPath, socketPathFits } from './socket-path.js';
export { readTokenFile, TOKEN_FILE, tokenOf } from './token.js';
