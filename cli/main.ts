#!/usr/bin/env node
import { run, version } from '../pipeline/main.ts';
import { runCli } from './commands.ts';

const code = await runCli(process.argv.slice(2), {
  env: process.env,
  version: version(),
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  isTTY: process.stderr.isTTY,
  start: run,
});
// Explicitly: a native library's thread must not keep a finished command alive. Pipes are flushed first.
process.stdout.write('', () => process.exit(code));
