import { expect, it } from 'vitest';
import { importsContract } from '../imports.contract.ts';
import { MemoryImports } from './imports.ts';

importsContract('memory', () =>
  Promise.resolve(
    new MemoryImports(
      (content) =>
        /^s\d$/.test(content.subscriberId) && (!('planId' in content) || content.planId === 'home'),
    ),
  ),
);

it('forgets one whose file nobody reads any more', async () => {
  let nowMs = 0;
  const imports = new MemoryImports(undefined, () => nowMs);
  await imports.begin({ importId: 'i', kind: 'subscribers', dryRun: false, chunkRows: 2, by: 'ann' });
  nowMs = 3_600_000;
  expect(await imports.remove('i', 'ann')).toBe(false);
  await imports.stage('i', []);
  nowMs += 3_600_000;
  expect(await imports.remove('i', 'ann')).toBe(false);
  nowMs += 1;
  expect(await imports.remove('i', 'ann')).toBe(true);
});
