import { expect, it } from 'vitest';
import { SourcePort } from './source-port.ts';

it('never gives an identifier that is in flight, and the longest unused one first', async () => {
  const port = await SourcePort.open<string>(4, { onDatagram: () => undefined, onError: () => undefined });
  try {
    const held = port.reserve('held');
    for (let index = 1; index < 256; index += 1) expect(port.reserve('other')).toBe(index);
    expect(port.reserve('one too many')).toBeUndefined();
    port.release(7);
    port.release(5);
    expect([port.reserve('a'), port.reserve('b'), port.reserve('c')]).toEqual([5, 7, undefined]);
    expect(port.waitingFor(held ?? -1)).toBe('held');
    expect(port.inFlight).toBe(256);
  } finally {
    port.close();
  }
});
