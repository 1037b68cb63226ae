import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { memoryTariffs } from './tariff-memory.contract.ts';
import { tariffApi } from './tariff-rig.contract.ts';

const PAGE = readFileSync(new URL('../docs/api.md', import.meta.url), 'utf8');

interface Example {
  method: 'GET' | 'PUT' | 'POST';
  path: string;
  headers: Record<string, string>;
  body?: unknown;
}

/** The commands of the page's shell blocks, in order. */
function examples(): Example[] {
  const blocks = [...PAGE.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = '']) => block);
  const commands = blocks.join('\n').split(/^(?=weirapi )/m);
  return commands.filter((command) => command.startsWith('weirapi ')).map(exampleOf);
}

/** Words of a shell: bare, or between quotes. */
function exampleOf(command: string): Example {
  const words = [...command.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
    ([, single, double, bare]) => single ?? double ?? bare ?? '',
  );
  const after = (flag: string): string[] => words.flatMap((word, n) => (words[n - 1] === flag ? [word] : []));
  const [data] = after('-d');
  const [method = data === undefined ? 'GET' : 'POST'] = after('-X');
  const headers = after('-H').map((header) => header.split(': ') as [string, string]);
  const url = words.find((word) => word.startsWith('$WEIR')) ?? '';
  return {
    method: method as Example['method'],
    path: url.replace('$WEIR', ''),
    headers: Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value])),
    ...(data === undefined ? {} : { body: JSON.parse(data) as unknown }),
  };
}

let rig: Awaited<ReturnType<typeof open>>;

function open() {
  return tariffApi(memoryTariffs());
}

beforeAll(async () => {
  rig = await open();
}, 60_000);

describe('docs/api.md', () => {
  it('shows what works, one after the other', async () => {
    const shown = examples();
    expect(shown.length).toBeGreaterThan(20);
    for (const { method, path, headers, body } of shown) {
      const answer = await rig.ask(method, path, body, headers);
      expect(answer.status < 300 ? 'done' : answer.text, `${method} ${path}`).toBe('done');
    }
  });

  it('names every code that a problem of it may have', () => {
    for (const code of [
      'precondition-failed',
      'precondition-required',
      'idempotency-mismatch',
      'rate-limited',
    ])
      expect(PAGE).toContain(`\`${code}\``);
  });
});
