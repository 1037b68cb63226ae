import { runCli } from './commands.ts';

/** What a command wrote, and its exit code. */
export interface WeirRun {
  code: number;
  out: string;
  err: string;
}

/** Runs one command line in this process, for tests. `started` is what the program itself would end with. */
export async function runWeir(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  started = 0,
): Promise<WeirRun> {
  let out = '';
  let err = '';
  const code = await runCli(args, {
    env,
    version: '1.2.3',
    out: (text) => (out += text),
    err: (text) => (err += text),
    start: () => Promise.resolve(started),
  });
  return { code, out, err };
}
