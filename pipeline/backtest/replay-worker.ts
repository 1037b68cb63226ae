import { parentPort, workerData } from 'node:worker_threads';
import { PageReplay } from './replay-page.ts';
import type { BacktestTask } from './task.ts';
import type { ThreadAnswer, ThreadRequest } from './replay-threads.ts';

/** A thread that replays the pages it is sent and gives its tally at the end. */
function main(): void {
  if (parentPort === null) throw new Error('this is the inside of a thread');
  const port = parentPort;
  const replay = new PageReplay(workerData as BacktestTask);
  const answer = (message: ThreadAnswer): void => port.postMessage(message);
  port.on('message', (request: ThreadRequest) => {
    if (request.kind === 'page') answer({ kind: 'done', subscribers: replay.replay(request.page) });
    else answer({ kind: 'tally', tally: replay.tally });
  });
}

main();
