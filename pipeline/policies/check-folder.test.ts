import { describe, expect, it } from 'vitest';
import { NO_PROVIDER_SETTINGS } from '../../schemas/provider.ts';
import { sortFiles, verdictOf } from './check-folder.ts';
import { capPolicy, capTests, check } from './policy-rig.contract.ts';

const context = { settings: NO_PROVIDER_SETTINGS, plans: null, inForce: [] };

async function verdict(
  content: Record<string, string | null>,
  unsettled: string[] = [],
  unreadable: [string, string][] = [],
) {
  const files = new Map(
    Object.entries(content).map(([name, text]) => [name, text === null ? null : Buffer.from(text)]),
  );
  const found = { look: new Map<string, string>(), files, unreadable: new Map(unreadable), unsettled };
  const { texts, refused } = sortFiles(found);
  return verdictOf(await check(texts, context), refused, files.size);
}

const fup = JSON.stringify(capPolicy());

describe('a folder of policies', () => {
  it('gives what is right', async () => {
    const { policies, refused } = await verdict({ 'fup.json': fup, 'fup.test.json': capTests() });
    expect(policies.map(({ policyId }) => policyId)).toEqual(['fup']);
    expect(refused).toEqual([]);
  });

  it('refuses a policy whose tests are too large, by its id', async () => {
    const { policies, refused } = await verdict({ 'fup.json': fup, 'fup.test.json': null });
    expect(policies).toEqual([]);
    expect(refused).toMatchObject([
      { file: 'fup.test.json', policyId: null, faults: [expect.stringContaining('P001')] },
      { file: 'fup.json', policyId: 'fup', faults: [expect.stringContaining('fup.test.json')] },
    ]);
  });

  it('refuses a policy whose tests cannot be read, though what cannot be read is also waited for', async () => {
    const tests = 'fup.test.json';
    const { policies, refused } = await verdict({ 'fup.json': fup }, [tests], [[tests, 'EACCES']]);
    expect(policies).toEqual([]);
    expect(refused).toMatchObject([
      {
        file: 'fup.json',
        policyId: 'fup',
        faults: [expect.stringContaining('fup.test.json: cannot be read: EACCES')],
      },
    ]);
  });

  it('refuses what is too large itself', async () => {
    const { policies, refused } = await verdict({ 'fup.json': null, 'fup.test.json': capTests() });
    expect(policies).toEqual([]);
    expect(refused).toMatchObject([{ file: 'fup.json', policyId: null }]);
    expect((await verdict({ 'gone.test.json': null })).refused).toMatchObject([
      { file: 'gone.test.json', policyId: null },
    ]);
  });

  it('lets a policy wait for tests that are being written', async () => {
    const { policies, refused } = await verdict({ 'fup.json': fup }, ['fup.test.json']);
    expect([policies, refused]).toEqual([[], []]);
  });
});
