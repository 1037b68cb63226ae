import { apiKeysContract } from '../api-keys.contract.ts';
import { MemoryApiKeys } from './api-keys.ts';

apiKeysContract('memory', () => Promise.resolve(new MemoryApiKeys()));
