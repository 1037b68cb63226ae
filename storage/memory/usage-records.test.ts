import { usageRecordsContract } from '../usage-records.contract.ts';
import { MemoryActionLedger } from './ledger.ts';

usageRecordsContract('memory', () => {
  const ledger = new MemoryActionLedger();
  return Promise.resolve({ ledger, records: ledger.records });
});
