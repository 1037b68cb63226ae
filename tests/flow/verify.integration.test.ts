import { createClient } from '@clickhouse/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FlowRun } from './flow-run.ts';
import type { WeirProcess } from './weir-process.ts';

/** Lines of one `weir verify`, the last of them how many differences there are. */
async function verify(run: FlowRun, flags = ''): Promise<{ code: number; lines: string[]; err: string }> {
  const { code, out, err } = await run.weir(`verify ${flags}`.trim());
  return { code, lines: out.trimEnd().split('\n'), err };
}

describe('weir verify', () => {
  let run: FlowRun;
  let process: WeirProcess;

  beforeAll(async () => {
    run = await FlowRun.open({ seed: 20_261_122, subscribers: 120, records: 40_000 });
    process = run.start();
    await run.controlsRelayed(process);
    await run.append(30_000);
  });

  afterAll(async () => {
    await run.close();
  });

  it('finds nothing while the program is still at work', async () => {
    const { code, lines, err } = await verify(run);
    expect(lines.at(-1), err).toBe('0 differences');
    expect(code).toBe(0);
    expect(err).toContain('recomputing the log: 100 %');
  });

  it('finds nothing when all is done, of one subscriber either', async () => {
    await run.append();
    await run.settled(process, 60_000);
    const { lines, err } = await verify(run, '--wait 10');
    expect(lines.at(-1), err).toBe('0 differences');
    const compared = Number(/(\d+) things compared/.exec(lines.at(-2) ?? '')?.[1]);
    expect(compared).toBeGreaterThan(10_000);
    const [some] = run.workload.profiles;
    const one = await verify(run, `--wait 0 --subscriber ${some?.subscriberId ?? ''}`);
    expect(one.lines.slice(-3)).toContain('0 differences');
  });

  it('prints each row and action that the log does not give, and fails', async () => {
    await process.end('SIGTERM');
    const client = createClient({ url: run.clickhouseUrl });
    await client.command({
      query: `INSERT INTO usage_window (subscriber_id, window_start, nas_id, log_partition, down_bytes, version)
        SELECT subscriber_id, window_start, nas_id, log_partition, down_bytes + 1, version
        FROM usage_window FINAL ORDER BY subscriber_id, window_start LIMIT 1`,
    });
    await client.close();
    await run.pool.query('delete from action where seq = (select min(seq) from action)');
    const { code, lines } = await verify(run, '--wait 0');
    expect(lines.filter((line) => line.startsWith('window '))).toHaveLength(1);
    expect(lines.filter((line) => line.startsWith('action '))).toHaveLength(1);
    expect(lines.filter((line) => line.startsWith('action-row '))).toHaveLength(1);
    expect(lines.at(-1)).toBe('3 differences');
    expect(code).toBe(1);
  });
});
