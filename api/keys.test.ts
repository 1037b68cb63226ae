import { describe, expect, it } from 'vitest';
import { AppError } from '../schemas/errors.ts';
import { apiOptions } from './api-rig.contract.ts';
import { KeyUse } from './key-use.ts';
import { createApi } from './server.ts';

const silent = { warn: () => undefined };

describe('requests of a key', () => {
  async function rig(keyRateLimit?: number) {
    const options = apiOptions();
    const api = await createApi({
      ...options,
      rateLimit: 1_000_000,
      ...(keyRateLimit === undefined ? {} : { keyRateLimit }),
      intake: {
        turnsAway: () => false,
        take: () => Promise.resolve({ kind: 'stored', records: 1, ignored: 0 }),
      },
      feedRateLimit: 4,
    });
    const statuses = async (key: string, times: number, url = '/v1/overview'): Promise<number[]> => {
      const seen: number[] = [];
      for (let n = 0; n < times; n++) {
        const headers = { authorization: `Bearer ${key}` };
        const request =
          url === '/v1/overview' ? { url, headers } : { url, headers, method: 'POST' as const, payload: {} };
        seen.push((await api.app.inject(request)).statusCode);
      }
      return seen;
    };
    return { api, options, statuses };
  }

  it('are as many a minute as it may make, whatever others do', async () => {
    const { api, options, statuses } = await rig();
    const { key: limited } = await options.keys.create('ann', ['viewer'], { rateLimit: 2 });
    const { key: free } = await options.keys.create('bob', ['viewer']);
    expect(await statuses(limited, 4)).toEqual([200, 200, 429, 429]);
    expect(await statuses(free, 3)).toEqual([200, 200, 200]);
    const refused = await api.app.inject({
      url: '/v1/overview',
      headers: { authorization: `Bearer ${limited}` },
    });
    expect(refused.json()).toMatchObject({ status: 429, code: 'rate-limited' });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
  });

  it('are the configured number where the key does not say', async () => {
    const { options, statuses } = await rig(3);
    const { key } = await options.keys.create('ann', ['viewer']);
    expect(await statuses(key, 4)).toEqual([200, 200, 200, 429]);
  });

  it('of a feed are counted by its route, unless the key has a limit', async () => {
    const { options, statuses } = await rig(2);
    const url = '/v1/accounting';
    // The address has the route's limit too.
    const { key } = await options.keys.create('nas', ['feed', 'viewer']);
    expect(await statuses(key, 3, url)).toEqual([204, 204, 204]);
    expect(await statuses(key, 3)).toEqual([200, 200, 429]);
    const { key: limited } = await options.keys.create('nas', ['feed'], { rateLimit: 1 });
    expect(await statuses(limited, 1, url)).toEqual([204]);
  });

  it('are noted with the key', async () => {
    const { api, options, statuses } = await rig();
    const { key } = await options.keys.create('ann', ['viewer']);
    await statuses(key, 2);
    await api.close();
    expect((await options.keys.list())[0]?.lastUsedMs).toEqual(expect.any(Number));
  });
});

describe('the last use of keys', () => {
  it('is written together, once a minute a key', async () => {
    let now = 0;
    const touched: string[][] = [];
    const use = new KeyUse({ touch: async (ids) => void touched.push([...ids]) }, silent, () => now);
    for (const id of ['a', 'b', 'a']) use.note(id);
    await use.flush();
    now = 59_999;
    use.note('a');
    await use.flush();
    now = 60_000;
    use.note('a');
    await use.flush();
    expect(touched).toEqual([['a', 'b'], ['a']]);
  });

  it('is nobody’s trouble where it is not stored', async () => {
    const warned: unknown[] = [];
    const away = new AppError('unreachable', 'away', { retriable: true });
    const use = new KeyUse(
      { touch: () => Promise.reject(away) },
      { warn: (what: unknown) => void warned.push(what) },
    );
    use.note('a');
    await use.flush();
    expect(warned).toEqual([{ err: away }]);
  });
});
