import { beforeEach, expect, it } from 'vitest';
import { SendGate } from './send-gate.ts';

const MANY = Number.MAX_SAFE_INTEGER;
let stops: (string | null)[];
let gate: SendGate;
beforeEach(() => {
  stops = [];
  gate = new SendGate((detail) => stops.push(detail));
});

it('is open until something is learnt', () => {
  expect(gate.mayClaim(0)).toBe(MANY);
});

it('closes for a minute when it is refused, then lets one try at a time', () => {
  expect(gate.tell({ kind: 'stop', detail: '401' }, 1_000)).toBe(60_000);
  expect([gate.mayClaim(60_999), gate.mayClaim(61_000)]).toEqual([0, 1]);
  gate.began();
  expect(gate.mayClaim(61_000)).toBe(0);
  gate.tell({ kind: 'heard' }, 61_500);
  gate.ended();
  expect([gate.mayClaim(61_500), stops]).toEqual([MANY, ['401', null]]);
});

it('says once that it is stopped, however often it is refused', () => {
  for (const nowMs of [0, 10, 60_000, 120_000]) gate.tell({ kind: 'stop', detail: `at ${nowMs}` }, nowMs);
  expect(stops).toEqual(['at 0']);
});

it('waits twice as long each time that nobody is there, to a minute', () => {
  const waits: number[] = [];
  for (let nowMs = 0, n = 0; n < 9; n++) {
    const waitMs = gate.tell({ kind: 'not-sent' }, nowMs);
    waits.push(waitMs);
    nowMs += waitMs;
  }
  expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60].map((s) => s * 1_000));
});

it('takes a crowd that fails together as one failure', () => {
  const waits = [0, 1, 2, 500].map((nowMs) => gate.tell({ kind: 'not-sent' }, nowMs));
  expect(waits).toEqual([1_000, 999, 998, 500]);
});

it('is not opened by what was under way as it closed', () => {
  gate.tell({ kind: 'stop', detail: '401' }, 0);
  gate.tell({ kind: 'heard' }, 10);
  expect([gate.mayClaim(10), gate.mayClaim(60_000), stops]).toEqual([0, 1, ['401']]);
});

it('keeps to the longest of what it was asked to wait', () => {
  gate.tell({ kind: 'later', afterMs: 30_000 }, 0);
  expect(gate.tell({ kind: 'later', afterMs: 5_000 }, 1_000)).toBe(29_000);
  expect([gate.mayClaim(29_999), gate.mayClaim(30_000)]).toEqual([0, MANY]);
});
