import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answerDroppingProxy } from '../answer-dropping-proxy.contract.ts';
import type { AnswerDroppingProxy } from '../answer-dropping-proxy.contract.ts';
import type { SlotId } from '../ports.ts';
import { aCommit, aSlot, after, utf8, viewOf } from '../slot-factory.contract.ts';
import { stateStoreModel } from '../state-store-model.contract.ts';
import { stateStoreContract } from '../state-store.contract.ts';
import { slotPrefix } from './slot-keys.ts';
import { RedisStateStore } from './state-store.ts';

const url = process.env['REDIS_URL'];
if (url === undefined) throw new Error('REDIS_URL is missing: run these tests through npm test');
const log = { warn: () => undefined };
const raw = new Redis(url);

afterAll(() => {
  raw.disconnect();
});

async function openStore(at = url): Promise<RedisStateStore> {
  const store = new RedisStateStore({ url: at ?? '', log });
  await store.verify();
  return store;
}

async function keysOf(slot: SlotId): Promise<string[]> {
  return raw.keys(`${slotPrefix(slot)}*`);
}

stateStoreContract('Redis', async () => {
  const store = await openStore();
  return {
    store,
    async copySlot(slot) {
      const copy = await Promise.all(
        (await keysOf(slot)).map(async (key) => ({ key, dump: await raw.dumpBuffer(key) })),
      );
      return async () => {
        await raw.del(await keysOf(slot));
        for (const { key, dump } of copy) await raw.restore(key, 0, dump);
      };
    },
    async breakHalfway(slot) {
      const key = `${slotPrefix(slot)}b:7`;
      await raw.set(key, 'not a hash');
      return async () => {
        await raw.del(key);
      };
    },
    close: () => store.close(),
  };
});

describe('RedisStateStore', () => {
  let store: RedisStateStore;
  beforeAll(async () => {
    store = await openStore();
  });
  afterAll(async () => {
    await store.close();
  });

  stateStoreModel(() => store, 60);

  it('writes position and meta last: what a torn commit leaves does not count', async () => {
    const slot = aSlot();
    const { lease } = await store.acquire(slot);
    await raw.set(`${slotPrefix(slot)}b:7`, 'not a hash');
    const values = [3, 7].map((bucket) => ({ bucket, field: 'a', value: utf8('v') }));
    const outbox = [{ n: 1, bytes: utf8('intent') }];
    const due = [{ key: 'k', dueMs: 1 }];
    await expect(store.commit(aCommit(slot, lease, { values, outbox, due }))).rejects.toMatchObject({
      code: 'store-corrupt',
      retriable: false,
    });
    expect(await raw.hgetall(`${slotPrefix(slot)}b:3`)).toEqual({ a: 'v' });
    expect(await store.loadDue(slot)).toEqual([]);
    expect(await raw.hkeys(`${slotPrefix(slot)}meta`)).toEqual(['epoch', 'token']);
    expect((await store.acquire(slot)).outbox).toHaveLength(1);
  });

  it('keeps all keys of a slot under one hash tag, and none behind an empty slot', async () => {
    const slot = aSlot({ partition: 5 });
    const { lease } = await store.acquire(slot);
    const row = { group: 'w:1', field: 'a', value: utf8('r') };
    await store.commit(
      aCommit(slot, lease, {
        rows: [row],
        values: [{ bucket: 1, field: 'a', value: utf8('v') }],
        due: [{ key: 'k', dueMs: 1 }],
        outbox: [{ n: 1, bytes: utf8('o') }],
      }),
    );
    const names = (await keysOf(slot)).map((key) => key.slice(slotPrefix(slot).length)).sort();
    expect(names).toEqual(['b:1', 'bk', 'due', 'meta', 'outbox', 'r:w:1', 'rg']);
    await store.commit(
      aCommit(slot, after(lease), { deletedGroups: ['w:1'], due: [{ key: 'k', dueMs: null }] }),
    );
    await store.removeOutbox(slot, [1]);
    expect((await keysOf(slot)).map((key) => key.slice(slotPrefix(slot).length)).sort()).toEqual([
      'b:1',
      'bk',
      'meta',
    ]);
  });

  it('takes an empty meta field, which a torn commit may leave, as absent, and removes it otherwise', async () => {
    const slot = aSlot();
    const { lease } = await store.acquire(slot);
    const put = (value: string) => ['core', 'plan:a'].map((field) => ({ field, value: utf8(value) }));
    await store.commit(aCommit(slot, lease, { meta: put('x') }));
    await raw.hset(`${slotPrefix(slot)}meta`, 'm:core', '');
    expect([...(await store.readHead(slot)).meta.keys()]).toEqual(['plan:a']);
    const head = await store.acquire(slot);
    expect([...head.meta.keys()]).toEqual(['plan:a']);
    await store.commit(aCommit(slot, head.lease, { meta: put('') }));
    const left = await raw.hkeys(`${slotPrefix(slot)}meta`);
    expect(left.sort()).toEqual(['commit', 'epoch', 'position', 'seq', 'token']);
  });

  it('leaves the epoch and nothing else of a slot that was cleared, also when the server is full', async () => {
    const slot = aSlot();
    const { lease } = await store.acquire(slot);
    const values = Array.from({ length: 1_201 }, (_, bucket) => ({ bucket, field: 'a', value: utf8('v') }));
    await store.commit(
      aCommit(slot, lease, {
        values,
        rows: [{ group: 'w:1', field: 'a', value: utf8('r') }],
        due: [{ key: 'k', dueMs: 1 }],
        outbox: [{ n: 1, bytes: utf8('o') }],
        meta: [{ field: 'core', value: utf8('m') }],
      }),
    );
    await raw.config('SET', 'maxmemory', '1');
    try {
      expect(await store.clear(slot, after(lease))).toBe(true);
    } finally {
      await raw.config('SET', 'maxmemory', '0');
    }
    expect(await keysOf(slot)).toEqual([`${slotPrefix(slot)}meta`]);
    expect(await raw.hgetall(`${slotPrefix(slot)}meta`)).toEqual({ epoch: '1' });
  });

  it('commits to a server that forgot the script', async () => {
    const slot = aSlot();
    await raw.script('FLUSH', 'SYNC');
    const { lease } = await store.acquire(slot);
    await raw.script('FLUSH', 'SYNC');
    expect(await store.commit(aCommit(slot, lease))).toBe('applied');
  });

  it('leaves nothing when the server is out of memory, and says that it may pass', async () => {
    const slot = aSlot();
    const { lease } = await store.acquire(slot);
    await raw.config('SET', 'maxmemory', '1');
    try {
      const values = [{ bucket: 1, field: 'a', value: utf8('v') }];
      const failed = store.commit(aCommit(slot, lease, { values }));
      await expect(failed).rejects.toMatchObject({ code: 'unreachable', retriable: true });
    } finally {
      await raw.config('SET', 'maxmemory', '0');
    }
    expect(await viewOf(store, slot)).toMatchObject({ position: null, values: [] });
  });

  it.each([
    ['maxmemory-policy', 'allkeys-lru', 'noeviction'],
    ['appendonly', 'no', 'yes'],
  ])('refuses a server with %s %s unless told otherwise', async (setting, unsafe, safe) => {
    await raw.config('SET', setting, unsafe);
    const strict = new RedisStateStore({ url, log });
    const lenient = new RedisStateStore({ url, log, allowUnsafe: true });
    try {
      await expect(strict.verify()).rejects.toMatchObject({ code: 'store-unsafe', retriable: false });
      await expect(lenient.verify()).resolves.toBeUndefined();
    } finally {
      await raw.config('SET', setting, safe);
      await strict.close();
      await lenient.close();
    }
  });

  it('says that a server is not there', async () => {
    const nowhere = new RedisStateStore({ url: 'redis://127.0.0.1:1', log, connectWaitMs: 300 });
    await expect(nowhere.verify()).rejects.toMatchObject({ code: 'unreachable' });
    await nowhere.close();
  });
});

describe('RedisStateStore behind a network that breaks', () => {
  let proxy: AnswerDroppingProxy;
  let store: RedisStateStore;
  beforeAll(async () => {
    const { hostname, port } = new URL(url);
    proxy = await answerDroppingProxy(hostname, Number(port === '' ? 6379 : port));
    const through = new URL(url);
    through.hostname = '127.0.0.1';
    through.port = String(proxy.port);
    store = await openStore(through.href);
  });
  afterAll(async () => {
    await store.close();
    await proxy.close();
  });

  it('reports an unknown outcome, sends nothing twice by itself, and answers already when asked again', async () => {
    const slot = aSlot();
    const { lease } = await store.acquire(slot);
    const commit = aCommit(slot, lease, { values: [{ bucket: 1, field: 'a', value: utf8('v') }] });
    proxy.dropAnswerTo('EVALSHA');
    await expect(store.commit(commit)).rejects.toMatchObject({ code: 'store-unknown-outcome' });
    const before = await raw.info('commandstats');
    await store.verify();
    expect(evalshaCalls(await raw.info('commandstats'))).toBe(evalshaCalls(before));
    expect(await store.commit(commit)).toBe('already');
    expect(await store.commit(aCommit(slot, after(lease)))).toBe('applied');
  });

  it('fails at once while there is no connection, as nothing was sent', async () => {
    const slot = aSlot();
    const { lease } = await store.acquire(slot);
    proxy.dropAnswerTo('hmget');
    await expect(store.holds(slot, lease)).rejects.toMatchObject({ retriable: true });
    await expect(store.commit(aCommit(slot, lease))).rejects.toMatchObject({ code: 'unreachable' });
    await expect(store.readHead(slot)).rejects.toMatchObject({ code: 'unreachable', retriable: true });
    await store.verify();
    expect(await store.holds(slot, lease)).toBe(true);
  });
});

function evalshaCalls(commandStats: string): number {
  return Number(/cmdstat_evalsha:calls=([0-9]+)/.exec(commandStats)?.[1]);
}
