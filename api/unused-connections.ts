import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Lets a server close while clients hold connections on which they have never asked anything (pools of FreeRADIUS,
 * browsers): Node takes those for active, and `server.close()` waits for them without end.
 *
 * @returns to be called when the server is about to close: ends such connections, and from then on new ones too
 */
export function watchUnused(server: Server): () => void {
  const unused = new Set<Socket>();
  let closing = false;
  server.on('connection', (socket) => {
    if (closing) {
      socket.destroy();
      return;
    }
    unused.add(socket);
    socket.once('close', () => unused.delete(socket));
  });
  server.on('request', ({ socket }) => unused.delete(socket));
  return () => {
    closing = true;
    for (const socket of unused) socket.destroy();
  };
}
