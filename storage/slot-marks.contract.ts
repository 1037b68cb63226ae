import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SlotMarks } from './ports.ts';
import { aSlot } from './slot-factory.contract.ts';

/** What every SlotMarks does. `marks` is asked in each test; tests use slots of their own. */
export function slotMarksContract(name: string, marks: () => SlotMarks): void {
  describe(`SlotMarks: ${name}`, () => {
    it('knows nothing of a slot that was never raised', async () => {
      expect(await marks().read(aSlot())).toBeNull();
    });

    it('keeps zero apart from nothing', async () => {
      const slot = aSlot();
      await marks().raise(slot, 0);
      expect(await marks().read(slot)).toBe(0);
    });

    it('keeps the maximum, whatever the order', async () => {
      const positions = fc.array(fc.maxSafeNat(), { minLength: 1, maxLength: 6 });
      await fc.assert(
        fc.asyncProperty(positions, async (raised) => {
          const slot = aSlot();
          for (const position of raised) await marks().raise(slot, position);
          expect(await marks().read(slot)).toBe(Math.max(...raised));
        }),
        { numRuns: 20 },
      );
    });

    it('keeps the maximum of raises at the same time', async () => {
      const slot = aSlot();
      await Promise.all([5, 9, 1, 7].map((position) => marks().raise(slot, position)));
      expect(await marks().read(slot)).toBe(9);
    });

    it('keeps slots apart', async () => {
      const slot = aSlot();
      await marks().raise(slot, 5);
      for (const other of [
        { ...slot, partition: 1 },
        { ...slot, group: 'other' },
        { ...slot, topic: 'other' },
      ]) {
        expect(await marks().read(other)).toBeNull();
      }
    });
  });
}
