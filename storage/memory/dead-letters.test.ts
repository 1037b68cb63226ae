import { deadLettersContract } from '../dead-letters.contract.ts';
import { MemoryActionLedger } from './ledger.ts';

deadLettersContract('memory', () => {
  let nowMs = Date.UTC(2026, 4, 15);
  const ledger = new MemoryActionLedger({ now: () => nowMs });
  return Promise.resolve({
    ledger,
    letters: ledger.deadLetters,
    controls: () => Promise.resolve(ledger.deadLetters.controls),
    passTime(ms) {
      nowMs += ms;
      return Promise.resolve();
    },
  });
});
