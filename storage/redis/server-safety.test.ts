import { describe, expect, it } from 'vitest';
import { judgeServer } from './server-safety.ts';

function info(version: string, policy: string, aof: string): string {
  return `# Server\r\nredis_version:${version}\r\n# Memory\r\nmaxmemory_policy:${policy}\r\n# Persistence\r\naof_enabled:${aof}\r\n`;
}

describe('judgeServer', () => {
  it.each(['6.0.16', '7.0.15', '10.1.0'])('accepts Redis %s that keeps what it is given', (version) => {
    expect(judgeServer(info(version, 'noeviction', '1'))).toEqual({ unusable: [], unsafe: [] });
  });

  it('finds a version that is too old unusable', () => {
    expect(judgeServer(info('5.0.14', 'noeviction', '1')).unusable).toEqual([
      'version is 5.0.14; 6 or later is needed',
    ]);
  });

  it('finds eviction and a missing AOF unsafe, both at once', () => {
    const { unsafe } = judgeServer(info('7.0.15', 'volatile-lru', '0'));
    expect(unsafe).toHaveLength(2);
    expect(unsafe[0]).toContain('volatile-lru');
    expect(unsafe[1]).toContain('appendonly');
  });

  it('trusts nothing that it is not told', () => {
    const { unusable, unsafe } = judgeServer('');
    expect([unusable.length, unsafe.length]).toEqual([1, 2]);
  });
});
