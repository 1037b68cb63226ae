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
