import { beforeEach, describe, expect, it } from 'vitest';
import type { ApiKeys } from './people-ports.ts';

const DAY = 86_400_000;

/** What every ApiKeys does. @param open gives it empty before each test, with a clock that may be the server's */
export function apiKeysContract(name: string, open: () => Promise<ApiKeys>): void {
  describe(`ApiKeys: ${name}`, () => {
    let keys: ApiKeys;
    beforeEach(async () => {
      keys = await open();
    });

    it('finds a key by itself alone', async () => {
      const { id, key, prefix } = await keys.create('console', ['viewer', 'viewer', 'analyst']);
      expect(key).toMatch(/^weir_[A-Za-z0-9_-]{43}$/);
      expect(prefix).toBe(key.slice(0, 9));
      expect(await keys.find(key)).toEqual({
        id,
        name: 'console',
        roles: ['viewer', 'analyst'],
        rateLimit: null,
      });
      for (const other of [`${key.slice(0, -1)}${key.endsWith('A') ? 'E' : 'A'}`, `${key}x`, 'weir_', ''])
        expect(await keys.find(other)).toBeNull();
      expect(await keys.count()).toBe(1);
    });

    it('makes none without a role or a rate', async () => {
      await expect(keys.create('none', [])).rejects.toMatchObject({ code: 'invalid-input' });
      const still = keys.create('none', ['viewer'], { rateLimit: 0 });
      await expect(still).rejects.toMatchObject({ code: 'invalid-input' });
      expect(await keys.list()).toEqual([]);
    });

    it('knows no key whose time is over', async () => {
      const over = await keys.create('over', ['viewer'], { expiresMs: Date.now() - 1000 });
      const good = await keys.create('good', ['viewer'], { expiresMs: Date.now() + DAY, rateLimit: 60 });
      expect(await keys.find(over.key)).toBeNull();
      expect(await keys.find(good.key)).toMatchObject({ id: good.id, rateLimit: 60 });
      expect(await keys.count()).toBe(1);
      expect(await keys.list()).toHaveLength(2);
    });

    it('forgets a revoked key, once, and lists it', async () => {
      const { id, key } = await keys.create('console', ['viewer']);
      expect(await keys.revoke(id)).toBe(true);
      expect(await keys.revoke(id)).toBe(false);
      expect(await keys.revoke('nobody')).toBe(false);
      expect(await keys.find(key)).toBeNull();
      expect(await keys.count()).toBe(0);
      expect((await keys.list())[0]?.revokedMs).toBeGreaterThan(0);
    });

    it('lists what people know a key by, and when it was used', async () => {
      const expiresMs = Date.now() + DAY;
      const { id, prefix } = await keys.create('a', ['viewer'], { expiresMs, rateLimit: 5, by: 'ann' });
      const other = await keys.create('b', ['operator']);
      await keys.touch([id]);
      const listed = await keys.list();
      const one = listed.find((key) => key.id === id);
      expect(one).toEqual({
        ...{ id, name: 'a', roles: ['viewer'], rateLimit: 5, prefix, createdBy: 'ann', expiresMs },
        ...{ createdMs: expect.any(Number), lastUsedMs: expect.any(Number), revokedMs: null },
      });
      const { prefix: shown } = other;
      expect(listed.find((key) => key.id === other.id)).toMatchObject({
        ...{ prefix: shown, createdBy: null, expiresMs: null, lastUsedMs: null },
      });
    });
  });
}
