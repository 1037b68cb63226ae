/**
 * Calls `work` again and again, `ms` after the call before has ended, so that calls never overlap. A failure is given to
 * `failed` and the next call comes all the same. Returns how to end it: resolves when the call in hand has ended.
 */
export function every(
  ms: number,
  work: () => Promise<void> | void,
  failed: (error: unknown) => void,
): () => Promise<void> {
  let ended = false;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  const turn = async (): Promise<void> => {
    try {
      await work();
    } catch (error) {
      failed(error);
    }
    if (!ended) arm();
  };
  const arm = (): void => {
    timer = setTimeout(() => {
      running = turn();
    }, ms);
  };
  arm();
  return async () => {
    ended = true;
    clearTimeout(timer);
    await running;
  };
}
