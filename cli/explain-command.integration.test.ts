import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apiOptions } from '../api/api-rig.contract.ts';
import { createApi } from '../api/server.ts';
import type { Api } from '../api/server.ts';
import { explainView, timelineViews } from '../api/timeline-factory.contract.ts';
import { AppError } from '../schemas/errors.ts';
import { runWeir } from './run-weir.contract.ts';

let folder: string;
let api: Api;
let env: Record<string, string>;
const asked: (number | null)[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weir-cli-'));
  const options = apiOptions({
    timelines: {
      ...timelineViews(),
      explain: (id, atMs) => {
        asked.push(atMs);
        if (atMs !== null && atMs > Date.UTC(2029, 0))
          throw new AppError('invalid-input', 'it is still to come');
        return timelineViews().explain(id, atMs);
      },
    },
  });
  api = await createApi(options);
  const url = new URL(await api.listen('127.0.0.1', 0));
  const { key } = await options.keys.create('viewer', ['viewer']);
  await writeFile(join(folder, 'admin-key'), `${key}\n`);
  env = { WEIR_DATA_DIR: folder, WEIR_API_PORT: url.port };
});

afterAll(async () => {
  await api.close();
  await rm(folder, { recursive: true, force: true });
});

async function weir(...args: string[]) {
  return runWeir(args, env);
}

describe('weir explain', () => {
  it('says in the subscriber’s time what acts, why, and what the network answered', async () => {
    const { code, out } = await weir('explain', 's1');
    expect(code).toBe(0);
    expect(out.split('\n').slice(0, 7)).toEqual([
      'subscriber  s1',
      'time        2025-01-12 13:00:00 Europe/Berlin, as far as records have been read',
      'line        throttle to 2/0.512 Mbit/s: home-fup/slow-at-cap acts',
      'network     throttle by home-fup/slow-at-cap version cccccccc, delivered: CoA-ACK (sent once, 2025-01-12 13:00:01)',
      'decided     throttle by home-fup/slow-at-cap version cccccccc at 2025-01-12 13:00:00',
      '            yes capUsedPercent at least 100 %: it was 101.5 %',
      'next look   2025-02-01 00:00:00, also without a record',
    ]);
  });

  it('lists rules with their conditions, facts with their units, and what happened', async () => {
    const { out } = await weir('explain', 's1');
    expect(out).toContain(`
rules
  home-fup version cccccccc (enforce): it decides
    slow-at-cap acts since 2025-01-12 13:00:00
      asks for: throttle to 2/0.512 Mbit/s; held while the conditions hold, at least 15 min
      yes all of these
      yes   capUsedPercent at least 100 %: it is 101.5 %
`);
    expect(out).toContain(`
facts as policies see them
  capUsedPercent   101.5 %
  cycleTotalBytes  507.500 GB
  poolUsedPercent  none
`);
    expect(out).toContain('    13:00-13:00  usage     1.000 GB down');
    expect(out).toContain('    13:00:00     operator  anna asked');
  });

  it('prints the API’s answer with --json, of a time too', async () => {
    asked.length = 0;
    const { out } = await weir('explain', 's/1', '--at', '2025-01-12T13:00:00+01:00', '--json');
    expect(JSON.parse(out)).toEqual(explainView('s/1'));
    expect(asked).toEqual([Date.UTC(2025, 0, 12, 12)]);
  });

  it('ends with 1 where nothing is known, and with 2 for a time that is none or still to come', async () => {
    expect(await weir('explain', 'nobody')).toMatchObject({
      code: 1,
      out: '',
      err: 'weir: nothing is known of this subscriber\n',
    });
    for (const time of ['yesterday', '2025-01-12T13:00:00', '2030-01-01T00:00:00Z'])
      expect((await weir('explain', 's1', '--at', time)).code, time).toBe(2);
    expect((await weir('explain')).code).toBe(2);
  });
});
