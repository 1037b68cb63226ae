/*
 * Serves one PGlite to many `pg` clients: the frontend/backend protocol (PostgreSQL manual, chapter 55) as far as the
 * pg driver speaks it. Plain JavaScript because a worker thread loads it as it is, from source and from dist.
 *
 * PGlite is ONE backend. So a client's turn is everything up to Sync (or one simple Query), executed as one piece,
 * and lasts until its transaction ends. @electric-sql/pglite-socket 0.2 hands over message by message instead: with
 * 10 clients nearly every parameterised query failed with `portal "" does not exist`, or ran another client's
 * statement.
 */
import { Buffer } from 'node:buffer';
import { createServer } from 'node:net';
import { clearTimeout, setTimeout } from 'node:timers';

const SSL_REQUEST = 80877103;
const GSS_REQUEST = 80877104;
const CANCEL_REQUEST = 80877102;
/** A client that sits in a transaction while others wait is cut off, as idle_in_transaction_session_timeout would. */
const IDLE_IN_TRANSACTION_MS = 30_000;
/** Largest message: a commit of 20,000 subscribers is about 20 MB. */
const MAX_MESSAGE_BYTES = 256 * 1024 * 1024;

/**
 * @param {import('@electric-sql/pglite').PGlite} db
 * @returns {import('node:net').Server} not listening yet; `close()` on it, then `drain()` of the turns
 */
export function createWireServer(db) {
  const turns = new Turns(db);
  const clients = new Set();
  const server = createServer((socket) => {
    const client = new Client(socket, turns);
    clients.add(client);
    socket.once('close', () => clients.delete(client));
  });
  return {
    server,
    /** Refuses new clients, lets turns in progress end, then cuts the rest off. */
    async drain() {
      const closed = new Promise((resolve) => server.close(resolve));
      await turns.idle();
      for (const client of clients) client.socket.destroy();
      await closed;
    },
  };
}

/** Who may use the one backend. First come, first served; a client in a transaction keeps its turn. */
class Turns {
  constructor(db) {
    this.db = db;
    this.queue = [];
    this.running = false;
    this.holder = null;
    this.timer = null;
    this.idleWaiters = [];
  }

  /** @returns {Promise<void>} resolves when the backend has answered the whole piece */
  run(client, piece, onData) {
    return new Promise((resolve, reject) => {
      this.queue.push({ client, piece, onData, resolve, reject });
      void this.next();
    });
  }

  async next() {
    if (this.running) return;
    const index = this.holder === null ? 0 : this.queue.findIndex((turn) => turn.client === this.holder);
    const [turn] = index === -1 ? [] : this.queue.splice(index, 1);
    if (turn === undefined) {
      this.rest();
      return;
    }
    clearTimeout(this.timer);
    this.running = true;
    try {
      await this.db.execProtocolRawStream(turn.piece, { onRawData: turn.onData });
      turn.resolve();
    } catch (error) {
      turn.reject(error);
    }
    this.holder = this.db.isInTransaction() ? turn.client : null;
    this.running = false;
    // A client that left in the middle of its transaction takes the transaction with it.
    if (turn.client.gone) await this.leave(turn.client);
    else void this.next();
  }

  rest() {
    clearTimeout(this.timer);
    if (this.holder !== null && this.queue.length > 0) {
      this.timer = setTimeout(() => this.holder?.socket.destroy(), IDLE_IN_TRANSACTION_MS);
    }
    if (this.holder === null && this.queue.length === 0)
      for (const done of this.idleWaiters.splice(0)) done();
  }

  async leave(client) {
    this.queue = this.queue.filter((turn) => turn.client !== client);
    if (this.holder === client && !this.running) {
      this.running = true;
      try {
        await this.db.exec('rollback');
      } finally {
        this.holder = null;
        this.running = false;
      }
    }
    await this.next();
  }

  /** Resolves when nobody runs or waits; a transaction left open counts as abandoned after 2 s. */
  idle() {
    if (!this.running && this.holder === null && this.queue.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.idleWaiters.push(resolve);
      setTimeout(resolve, 2_000);
    });
  }
}

let clientCount = 0;

/** One connection: cuts the byte stream into messages, the messages into turns. */
class Client {
  constructor(socket, turns) {
    this.socket = socket;
    this.turns = turns;
    this.id = ++clientCount;
    this.started = false;
    this.gone = false;
    this.pending = [];
    this.pendingBytes = 0;
    this.piece = [];
    this.statements = new Set();
    socket.on('data', (chunk) => this.receive(chunk));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.gone = true;
      if (this.statements.size > 0) this.deallocate();
      void turns.leave(this);
    });
  }

  receive(chunk) {
    this.pending.push(chunk);
    this.pendingBytes += chunk.length;
    // Only joined when a whole message is there, so that a large one is not copied once a chunk.
    for (;;) {
      const lengthAt = this.started ? 1 : 0;
      if (this.pendingBytes < lengthAt + 4) return;
      if ((this.pending[0]?.length ?? 0) < lengthAt + 4) this.join();
      const total = lengthAt + this.pending[0].readInt32BE(lengthAt);
      if (total < lengthAt + 4 || total > MAX_MESSAGE_BYTES) {
        this.socket.destroy();
        return;
      }
      if (this.pendingBytes < total) return;
      this.join();
      const message = this.pending[0].subarray(0, total);
      this.pending = [this.pending[0].subarray(total)];
      this.pendingBytes -= total;
      if (this.started) this.message(message);
      else this.startup(message);
    }
  }

  join() {
    if (this.pending.length > 1) this.pending = [Buffer.concat(this.pending)];
  }

  startup(message) {
    const code = message.readInt32BE(4);
    if (code === SSL_REQUEST || code === GSS_REQUEST) this.socket.write('N');
    else if (code === CANCEL_REQUEST) this.socket.end();
    else {
      this.started = true;
      // The folder's permissions are the authentication. Startup parameters would change everybody's session.
      this.socket.write(Buffer.concat(GREETING));
    }
  }

  message(message) {
    const type = String.fromCharCode(message[0]);
    if (type === 'X') {
      this.socket.end();
      return;
    }
    this.piece.push(this.scoped(type, message));
    if (type !== 'S' && type !== 'Q' && type !== 'F') return;
    const piece = new Uint8Array(Buffer.concat(this.piece));
    this.piece = [];
    this.turns
      .run(this, piece, (data) => {
        // Copied: PGlite reuses its buffer.
        if (this.socket.writable) this.socket.write(Buffer.from(data));
      })
      .catch(() => this.socket.destroy());
  }

  /** Statement names are per connection for the client, but the backend is one: they get the client's number. */
  scoped(type, message) {
    if (type === 'P') return this.renamed(message, 5);
    if (type === 'B') return this.renamed(message, message.indexOf(0, 5) + 1);
    if ((type === 'D' || type === 'C') && message[5] === 0x53) return this.renamed(message, 6);
    return message;
  }

  renamed(message, at) {
    const end = message.indexOf(0, at);
    if (end === at) return message;
    const name = Buffer.from(`c${this.id}_${message.toString('utf8', at, end)}`);
    this.statements.add(name.toString());
    const renamed = Buffer.concat([message.subarray(0, at), name, message.subarray(end)]);
    renamed.writeInt32BE(renamed.length - 1, 1);
    return renamed;
  }

  deallocate() {
    const closes = [...this.statements].map((name) => frame('C', Buffer.from(`S${name}\0`)));
    const piece = new Uint8Array(Buffer.concat([...closes, frame('S', Buffer.alloc(0))]));
    // Under a holder of its own: this client's turns are dropped when it leaves. A statement that stays costs memory only.
    this.turns.run({ gone: false, socket: this.socket }, piece, () => undefined).catch(() => undefined);
  }
}

function frame(type, body) {
  const head = Buffer.alloc(5);
  head.write(type, 0, 'latin1');
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

function parameter(name, value) {
  return frame('S', Buffer.from(`${name}\0${value}\0`));
}

/** AuthenticationOk, what the pg driver looks at, no cancel key, ReadyForQuery (idle). */
const GREETING = [
  frame('R', Buffer.from([0, 0, 0, 0])),
  parameter('server_version', '18.0'),
  parameter('client_encoding', 'UTF8'),
  parameter('integer_datetimes', 'on'),
  parameter('standard_conforming_strings', 'on'),
  frame('K', Buffer.alloc(8)),
  frame('Z', Buffer.from('I')),
];
