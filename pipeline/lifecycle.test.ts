import { describe, expect, it } from 'vitest';
import { AppError } from '../schemas/errors.ts';
import { EXIT, exitCodeOf, Lifecycle } from './lifecycle.ts';
import type { HostEvent, LifecycleHost, LifecyclePart } from './lifecycle.ts';

/** A process that only takes notes. */
class FakeHost implements LifecycleHost {
  readonly exits: number[] = [];
  readonly listeners = new Map<HostEvent, (detail: unknown) => void>();
  clockMs = 0;

  on(event: HostEvent, listener: (detail: unknown) => void): void {
    this.listeners.set(event, listener);
  }

  off(event: HostEvent): void {
    this.listeners.delete(event);
  }

  emit(event: HostEvent, detail?: unknown): void {
    this.listeners.get(event)?.(detail);
  }

  exit(code: number): void {
    this.exits.push(code);
  }

  nowMs(): number {
    return this.clockMs;
  }
}

/** Parts a, b, c that write down what happens to them. */
function rig(changes: Record<string, Partial<LifecyclePart>> = {}, stopOrder?: string[], graceMs = 1000) {
  const notes: string[] = [];
  const logged: string[] = [];
  const note = (_: unknown, message?: string): void => void logged.push(message ?? '');
  const host = new FakeHost();
  const parts = ['a', 'b', 'c'].map((name): LifecyclePart => {
    const start = (): void => void notes.push(`+${name}`);
    const stop = (): void => void notes.push(`-${name}`);
    return { name, start, stop, ...changes[name] };
  });
  const log = { info: note, warn: note, error: note, fatal: note };
  const options = { log, graceMs, host, ...(stopOrder === undefined ? {} : { stopOrder }) };
  return { lifecycle: new Lifecycle(parts, options), notes, logged, host };
}

describe('Lifecycle', () => {
  it('starts in order and stops in reverse', async () => {
    const { lifecycle, notes } = rig();
    await lifecycle.start();
    await lifecycle.stop();
    expect(notes).toEqual(['+a', '+b', '+c', '-c', '-b', '-a']);
    expect(await lifecycle.ended).toBe(EXIT.ok);
  });

  it('stops in the order it is told, the rest in reverse', async () => {
    const { lifecycle, notes } = rig({}, ['b']);
    await lifecycle.start();
    await lifecycle.stop();
    expect(notes.slice(3)).toEqual(['-b', '-c', '-a']);
  });

  it('stops once, however often it is asked', async () => {
    const { lifecycle, notes } = rig();
    await lifecycle.start();
    await Promise.all([lifecycle.stop(), lifecycle.stop()]);
    await lifecycle.stop();
    expect(notes.filter((line) => line.startsWith('-'))).toHaveLength(3);
  });

  it('stops what was started when a part does not come up', async () => {
    const failure = new AppError('unreachable', 'no Redis');
    const { lifecycle, notes } = rig({ b: { start: () => Promise.reject(failure) } });
    await expect(lifecycle.start()).rejects.toBe(failure);
    expect(notes).toEqual(['+a', '-a']);
    expect(await lifecycle.ended).toBe(EXIT.failed);
  });

  it('goes on with the others when a part fails to stop, and says so in the exit code', async () => {
    const { lifecycle, notes, logged } = rig({ b: { stop: () => Promise.reject(new Error('stuck')) } });
    await lifecycle.start();
    await lifecycle.stop();
    expect(notes.slice(3)).toEqual(['-c', '-a']);
    expect(logged).toContain('failed to stop');
    expect(await lifecycle.ended).toBe(EXIT.failed);
  });

  it('does not wait for a part that hangs', async () => {
    const hang = { stop: () => new Promise<void>(() => undefined) };
    const { lifecycle, notes, logged } = rig({ c: hang }, undefined, 1);
    await lifecycle.start();
    await lifecycle.stop();
    expect(notes.slice(3)).toEqual(['-b', '-a']);
    expect(logged).toContain('did not stop in time; going on without it');
    expect(await lifecycle.ended).toBe(EXIT.failed);
  });

  it('gives a part what is left of the grace', async () => {
    const shares: number[] = [];
    const { lifecycle, host } = rig(
      {
        c: {
          stop: (graceMs) => {
            shares.push(graceMs);
            host.clockMs += 700;
          },
        },
        b: { stop: (graceMs) => void shares.push(graceMs) },
      },
      undefined,
      1000,
    );
    await lifecycle.start();
    await lifecycle.stop();
    expect(shares).toEqual([1000, 300]);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'drains at the first %s and ends at once at the second',
    async (signal) => {
      let finish = (): void => undefined;
      const slow = { stop: () => new Promise<void>((resolve) => (finish = resolve)) };
      const { lifecycle, host } = rig({ c: slow }, undefined, 60_000);
      lifecycle.listen();
      await lifecycle.start();
      host.emit(signal);
      expect(lifecycle.isStopping).toBe(true);
      expect(host.exits).toEqual([]);
      // Passed on by npm and tsx: the same Ctrl-C.
      host.emit(signal);
      expect(host.exits).toEqual([]);
      host.clockMs += 2_000;
      host.emit(signal);
      expect(host.exits).toEqual([EXIT.interrupted]);
      await Promise.resolve().then(() => undefined);
      finish();
      expect(await lifecycle.ended).toBe(EXIT.ok);
      expect(host.listeners.size).toBe(0);
    },
  );

  it('starts nothing more after a signal during the start', async () => {
    const rigged = rig({
      b: { start: () => rigged.host.emit('SIGTERM') },
    });
    rigged.lifecycle.listen();
    await rigged.lifecycle.start();
    expect(rigged.notes).toEqual(['+a', '-b', '-a']);
    expect(await rigged.lifecycle.ended).toBe(EXIT.ok);
  });

  it('ends although a part is still waiting to come up', async () => {
    const rigged = rig({
      b: {
        start: () => {
          rigged.host.emit('SIGINT');
          return new Promise<void>(() => undefined);
        },
      },
    });
    rigged.lifecycle.listen();
    await rigged.lifecycle.start();
    expect(rigged.notes).toEqual(['+a', '-b', '-a']);
  });

  it.each(['unhandledRejection', 'uncaughtException'] as const)(
    'stops in order and ends with 1 after an %s',
    async (event) => {
      const { lifecycle, notes, host } = rig();
      lifecycle.listen();
      await lifecycle.start();
      host.emit(event, new Error('defect'));
      expect(await lifecycle.ended).toBe(EXIT.failed);
      expect(notes.slice(3)).toEqual(['-c', '-b', '-a']);
    },
  );
});

describe('exitCodeOf', () => {
  it('is 2 for wrong configuration and 1 for everything else', () => {
    expect(exitCodeOf(new AppError('config-invalid', 'x'))).toBe(2);
    expect(exitCodeOf(new AppError('data-folder-in-use', 'x'))).toBe(1);
    expect(exitCodeOf(new Error('x'))).toBe(1);
  });
});
