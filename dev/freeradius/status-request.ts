import { createHmac, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';

const STATUS_SERVER = 12;
const MESSAGE_AUTHENTICATOR = 80;
const HEADER_LENGTH = 20;
const ANSWER_TIMEOUT_MS = 500;

/**
 * Whether a RADIUS server on loopback answers a Status-Server request (RFC 5997). Written apart from the
 * product's codec on purpose: the test bed must not need what is under test.
 */
export async function answersStatus(port: number, secret: string): Promise<boolean> {
  const socket = createSocket('udp4');
  try {
    socket.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.send(statusRequest(secret));
    const [answer] = (await once(socket, 'message', { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) })) as [
      Buffer,
    ];
    return answer.length >= HEADER_LENGTH;
  } finally {
    socket.close();
  }
}

/** Header, then one Message-Authenticator: HMAC-MD5 over the packet with that attribute zeroed (RFC 3579, 3.2). */
function statusRequest(secret: string): Buffer {
  const packet = Buffer.alloc(HEADER_LENGTH + 18);
  packet.writeUInt8(STATUS_SERVER, 0);
  packet.writeUInt16BE(packet.length, 2);
  randomBytes(16).copy(packet, 4);
  packet.writeUInt8(MESSAGE_AUTHENTICATOR, HEADER_LENGTH);
  packet.writeUInt8(18, HEADER_LENGTH + 1);
  createHmac('md5', secret)
    .update(packet)
    .digest()
    .copy(packet, HEADER_LENGTH + 2);
  return packet;
}
