import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';

/** One octet: no RADIUS packet, so a listener discards it (RFC 2865 section 3), yet no datagram of length zero, which
 * some programs take for the end of input. */
const PROBE = Buffer.from([0]);

/**
 * Asks whether a UDP port is closed: the system reports ICMP "port unreachable" only to connected sockets, and those
 * that carry requests are not connected. Used when a first wait has passed without any answer.
 *
 * @param onClosed called at most once, when the other side refuses
 * @returns ends the watch and frees the socket; may be called repeatedly
 */
export function watchClosedPort(
  target: { readonly address: string; readonly port: number },
  onClosed: () => void,
): () => void {
  const socket = createSocket(isIPv6(target.address) ? 'udp6' : 'udp4');
  let open = true;
  const end = (): void => {
    if (!open) return;
    open = false;
    socket.close();
  };
  socket.on('error', (error: NodeJS.ErrnoException) => {
    const refused = open && error.code === 'ECONNREFUSED';
    end();
    if (refused) onClosed();
  });
  socket.connect(target.port, target.address, () => {
    if (open) socket.send(PROBE);
  });
  return end;
}
