import type { ClassTotal, Subscriber } from '../fold/slot-state.ts';
import type { CyclePart, CycleSpent } from '../fold/tariff-state.ts';
import type { ByteReader, ByteWriter } from './bytes.ts';

/** Bytes by class, as totals of all kinds have them. */
export function writeClasses(writer: ByteWriter, classes: readonly ClassTotal[]): void {
  writer.uint(classes.length);
  for (const { serviceClass, down, up } of classes) {
    writer.text(serviceClass);
    writer.uint(down);
    writer.uint(up);
  }
}

export function readClasses(reader: ByteReader): ClassTotal[] {
  return reader.list(() => ({ serviceClass: reader.text(), down: reader.uint(), up: reader.uint() }));
}

/** Parts cover their cycle without a gap: each is told by where it ends. */
export function writeParts(writer: ByteWriter, cycleStartMs: number, parts: readonly CyclePart[]): void {
  writer.uint(parts.length);
  for (const { fromMs, down, up, classes, offPeak } of parts) {
    writer.uint(fromMs - cycleStartMs);
    writer.uint(down);
    writer.uint(up);
    writeClasses(writer, classes);
    writeClasses(writer, offPeak);
  }
}

export function readParts(reader: ByteReader, cycleStartMs: number, cycleEndMs: number): CyclePart[] {
  const parts = reader.list(() => ({
    fromMs: cycleStartMs + reader.uint(),
    toMs: cycleEndMs,
    down: reader.uint(),
    up: reader.uint(),
    classes: readClasses(reader),
    offPeak: readClasses(reader),
  }));
  parts.forEach((part, i) => {
    part.toMs = parts[i + 1]?.fromMs ?? cycleEndMs;
  });
  return parts;
}

/** What a cycle that rolled had used up. */
export function writeSpent(writer: ByteWriter, { carryBytes, blocks, soldBytes, topUps }: CycleSpent): void {
  writer.uint(carryBytes);
  writer.uint(blocks);
  writer.uint(soldBytes);
  writer.uint(topUps.length);
  for (const { id, usedBytes } of topUps) {
    writer.text(id);
    writer.uint(usedBytes);
  }
}

export function readSpent(reader: ByteReader): CycleSpent {
  return {
    carryBytes: reader.uint(),
    blocks: reader.uint(),
    soldBytes: reader.uint(),
    topUps: reader.list(() => ({ id: reader.text(), usedBytes: reader.uint() })),
  };
}

type Tariffs = Pick<Subscriber, 'carry' | 'topUpUses'>;

/** Of a layout that does not know them. */
export const NO_TARIFFS: Tariffs = { carry: null, topUpUses: [] };

const CARRY = 1;
const FINAL = 2;

/** What of tariffs is in the cold value. */
export function writeTariffs(writer: ByteWriter, { carry, topUpUses }: Tariffs): void {
  writer.byte(carry === null ? 0 : CARRY | (carry.final ? FINAL : 0));
  if (carry !== null) {
    writer.uint(carry.cycleStartMs);
    writer.uint(carry.bytes);
  }
  writer.uint(topUpUses.length);
  for (const { id, beforeBytes, usedBytes } of topUpUses) {
    writer.text(id);
    writer.uint(beforeBytes);
    writer.uint(usedBytes);
  }
}

export function readTariffs(reader: ByteReader): Tariffs {
  const bits = reader.byte();
  const final = (bits & FINAL) !== 0;
  const carry = (bits & CARRY) === 0 ? null : { cycleStartMs: reader.uint(), bytes: reader.uint(), final };
  const topUpUses = reader.list(() => ({
    id: reader.text(),
    beforeBytes: reader.uint(),
    usedBytes: reader.uint(),
  }));
  return { carry, topUpUses: topUpUses.length === 0 ? NO_TARIFFS.topUpUses : topUpUses };
}
