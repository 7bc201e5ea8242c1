/** Connections: addresses, listening, connecting, and links that carry bytes. */
export {
  type Address,
  formatAddress,
  parseAddress,
  type TcpAddress,
  type UnixAddress,
} from './address.js';
export { type ConnectOptions, connect } from './connect.js';
export { LINK_LIMITS } from './limits.js';
export { type Link, SocketLink } from './link.js';
export { type Listener, type ListenOptions, listen } from './listen.js';
export { checkSocketPath, SOCKET_PATH_BYTES_MAX, socketPathFits } from './socket-path.js';
export { TOKEN_FILE, tokenOf } from './token.js';
