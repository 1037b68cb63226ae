import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { BillingServer } from '../simulator/billing/server.ts';

interface Options {
  port: number;
  key?: string;
  file?: string;
}

/** `simulate billing`: the reference billing system by itself, to try a connection with. Runs until it is interrupted. */
export function billingCommand(program: Command): void {
  program
    .command('billing')
    .description('Runs a billing system by schemas/billing-api.yaml, on this machine alone.')
    .option('--port <n>', 'to listen on; 0 = any that is free', port, 9400)
    .option('--key <key>', 'what BILLING_API_KEY must be; made if it is not given')
    .option('--file <path>', 'keeps items and accounts over restarts')
    .action(run);
}

async function run({ port: at, key = randomBytes(16).toString('hex'), file }: Options): Promise<void> {
  const server = new BillingServer({ key, ...(file === undefined ? {} : { file }) });
  const url = await server.listen(at);
  console.log(
    [
      'a billing system that keeps what it is sent',
      `  BILLING_API_URL=${url} BILLING_API_KEY=${key} WEIR_SIMULATOR=on npm start`,
      `  curl -H 'Authorization: Bearer ${key}' ${url}/_items`,
      'its faults are told by PUT /_faults (docs/billing.md); Ctrl-C ends it',
    ].join('\n'),
  );
  await new Promise<void>((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
  await server.close();
  if (server.defects.length > 0) console.error(server.defects);
}

function port(text: string): number {
  if (/^[0-9]{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new InvalidArgumentError('must be a port, 0 to 65535');
}
