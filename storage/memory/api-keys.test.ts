import { describe, expect, it } from 'vitest';
import { MemoryApiKeys } from './api-keys.ts';

describe('MemoryApiKeys', () => {
  it('finds a key by itself alone', async () => {
    const keys = new MemoryApiKeys();
    const { id, key } = await keys.create('console', ['viewer', 'viewer']);
    expect(await keys.find(key)).toEqual({ id, name: 'console', roles: ['viewer'] });
    expect(await keys.find(`${key}x`)).toBeNull();
    expect(await keys.find('weir_')).toBeNull();
    expect(await keys.count()).toBe(1);
    await expect(keys.create('none', [])).rejects.toMatchObject({ code: 'invalid-input' });
  });
});
