/*
 * The thread that PGlite lives in: in the main thread a loop of awaited queries starves the event loop, and a query of
 * 4 s blocks it for 4 s. workerData: {dataFolder, socketPath}. Messages out: {kind: 'ready' | 'closed'}, in: 'close'.
 * Any error ends the thread: the parent sees its 'error' event.
 */
import { rm } from 'node:fs/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import { createWireServer } from './embedded-wire.mjs';

const db = await PGlite.create(workerData.dataFolder);
// What was left by a killed process; the data folder's lock says that nobody else serves it.
await rm(workerData.socketPath, { force: true });
const { server, drain } = createWireServer(db);
await new Promise((resolve, reject) => {
  server.once('error', reject);
  server.listen(workerData.socketPath, resolve);
});
parentPort.postMessage({ kind: 'ready' });
parentPort.once('message', async () => {
  await drain();
  await db.close();
  parentPort.postMessage({ kind: 'closed' });
  parentPort.close();
});
