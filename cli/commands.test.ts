import { describe, expect, it } from 'vitest';
import { runWeir } from './run-weir.contract.ts';

async function weir(args: string[], env: Record<string, string> = {}) {
  return runWeir(args, env, 7);
}

describe('weir', () => {
  it.each([
    ['no such command', ['fly'], "unknown command 'fly'"],
    ['no such option', ['overview', '--loud'], "unknown option '--loud'"],
    ['no id', ['subscriber'], "missing required argument 'id'"],
    ['one id too many', ['subscriber', 'a', 'b'], 'too many arguments'],
    ['no name', ['keys', 'create', '--roles', 'viewer'], "required option '--name <name>'"],
    [
      'an unknown role',
      ['keys', 'create', '--name', 'x', '--roles', 'viewer,boss'],
      'They must be some of viewer',
    ],
    ['an empty name', ['keys', 'create', '--name', ' ', '--roles', 'viewer'], 'printable characters'],
    ['a URL of another scheme', ['overview', '--url', 'ftp://x'], 'It must be a URL'],
  ])('ends with 2 and shows the usage: %s', async (_, args, message) => {
    const { code, err, out } = await weir(args);
    expect(code).toBe(2);
    expect(err).toContain(message);
    expect(err).toContain('Usage: weir');
    expect(out).toBe('');
  });

  it('ends with 2 and every fault of the configuration', async () => {
    const env = { WEIR_API_PORT: 'x', WEIR_BUKETS: '1' };
    const { code, err } = await weir(['overview'], env);
    expect(code).toBe(2);
    expect(err).toContain('WEIR_API_PORT');
    expect(err).toContain('WEIR_BUKETS');
  });

  it('ends with 0 after help and version', async () => {
    expect(await weir(['--version'])).toMatchObject({ code: 0, out: '1.2.3\n' });
    expect((await weir(['help', 'migrate'])).code).toBe(0);
    expect((await weir(['--help'])).out).toContain('one subscriber: look at it, correct it');
  });

  it('ends with the code of the program that it started', async () => {
    expect((await weir(['start'])).code).toBe(7);
  });

  it('prints the configuration without secrets', async () => {
    const { code, out } = await weir(['config'], { REDIS_URL: 'redis://:hush@redis:6379' });
    expect(code).toBe(0);
    expect(out).toContain('redis://redis:6379');
    expect(out).not.toContain('hush');
  });
});
