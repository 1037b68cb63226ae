import { profilePagesContract } from '../profile-pages.contract.ts';
import { MemoryProfilePages } from './profile-pages.ts';

profilePagesContract('memory', (profiles, plans) =>
  Promise.resolve({ pages: new MemoryProfilePages(profiles, plans), close: () => Promise.resolve() }),
);
