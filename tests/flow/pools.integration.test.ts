import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { partitionOfText } from '../../schemas/partitioning.ts';
import type { PoolView } from '../../schemas/tariff-views.ts';
import { aProfile } from '../../storage/profile-factory.contract.ts';
import { PostgresDirectory } from '../../storage/postgres/directory.ts';
import { SecretBox } from '../../storage/postgres/secret-box.ts';
import { FlowRun } from './flow-run.ts';
import type { WeirProcess } from './weir-process.ts';

const WAIT_MS = 60_000;
const GB = 1_000_000_000;
const SHIPPED = fileURLToPath(new URL('../../policies', import.meta.url));
/** Of what the shipped policy slows down to. */
const STEADY_BPS = 10_000_000;
const POOL = 'the-smiths';

describe('a pool across partitions, on real servers', () => {
  let run: FlowRun;
  let weir: WeirProcess;
  let folder: string;
  let members: string[];
  /** half a month away: no cycle begins in the midst of what they use */
  const anchorDay = ((new Date().getUTCDate() + 13) % 28) + 1;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weir-pools-'));
    for (const name of ['shared-fup.json', 'provider.json'])
      await copyFile(join(SHIPPED, name), join(folder, name));
    run = await FlowRun.open({
      ...{ seed: 1, subscribers: 1, records: 10, realTime: true },
      env: { WEIR_POLICIES_DIR: folder },
    });
    members = onOtherPartitions(run.topic.partitions);
    const directory = new PostgresDirectory(run.pool, new SecretBox(Buffer.alloc(32)));
    const assignments = [{ planId: 'business-500', fromMs: 0, toMs: null }];
    await directory.putSubscribers(
      members.map((id) => aProfile(id, { zone: 'UTC', assignments, anchorDay })),
    );
    await startAgain();
    await run.controlsRelayed(weir);
    const [payer = ''] = members;
    await command(`pools set ${POOL} --allowance ${10 * GB} --anchor-day ${anchorDay} --bill-to ${payer}`);
    for (const id of members) await command(`pools add ${POOL} ${id}`);
    await relayed();
  });

  afterAll(async () => {
    await run.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** One on each partition but the pool's own. */
  function onOtherPartitions(partitions: number): string[] {
    const found = new Map<number, string>();
    for (let n = 0; found.size < partitions - 1; n += 1) {
      const partition = partitionOfText(`line-${n}`, partitions);
      if (partition !== partitionOfText(POOL, partitions))
        found.set(partition, found.get(partition) ?? `line-${n}`);
    }
    return [...found.values()];
  }

  async function startAgain(): Promise<void> {
    weir = run.start();
    const answers = async (): Promise<boolean> => {
      const { partitions } = await run.overview();
      return partitions.length === run.topic.partitions;
    };
    await weir.until('the program has all partitions', answers, WAIT_MS);
  }

  async function killed(): Promise<void> {
    await weir.end('SIGKILL');
    await startAgain();
  }

  async function relayed(): Promise<void> {
    const empty = async (): Promise<boolean> =>
      (await run.pool.query('select from control_outbox')).rowCount === 0;
    await weir.until('all controls are in the log', empty, WAIT_MS);
  }

  async function command(text: string): Promise<string> {
    const { code, out, err } = await run.weir(text);
    expect([text, code, err]).toEqual([text, 0, '']);
    return out;
  }

  /** A session of the last minutes with so many octets in all. */
  async function uses(id: string, octets: number): Promise<void> {
    const nowMs = Date.now();
    const session = {
      ...{ subscriber_id: id, user_name: `${id}@example.net`, session_id: `s-${id}`, nas_id: 'nas-01' },
      input_octets: 0,
    };
    await run.feed([
      { ...session, status_type: 'START', event_time: nowMs - 60_000, output_octets: 0 },
      { ...session, status_type: 'INTERIM_UPDATE', event_time: nowMs - 1_000, output_octets: octets },
    ]);
  }

  async function actions(): Promise<string[]> {
    const { rows } = await run.pool.query<{ line: string }>(
      `select concat_ws(' ', kind, subscriber_id, intent ->> 'policyId', intent ->> 'rule') as line from action order by seq`,
    );
    return rows.map(({ line }) => line);
  }

  async function pool(): Promise<PoolView> {
    return JSON.parse(await command(`pools show ${POOL} --json`)) as PoolView;
  }

  /** Resolves when the newest finished action of each member is of the kind. */
  async function all(kind: string): Promise<void> {
    const same = async (): Promise<boolean> => {
      const { rows } = await run.pool.query<{ kind: string; open: boolean }>(
        `select distinct on (subscriber_id) kind, state not in ('delivered', 'superseded') as open
         from action where kind in ('throttle', 'restore') order by subscriber_id, seq desc`,
      );
      return rows.length === members.length && rows.every((row) => row.kind === kind && !row.open);
    };
    await weir.until(`all members: ${kind}`, same, WAIT_MS);
  }

  it('slows all of its members down by one decision, over a kill', async () => {
    const [anna = '', bob = '', carl = ''] = members;
    await uses(anna, 4 * GB);
    await uses(bob, 3 * GB);
    await run.settled(weir, WAIT_MS);
    expect(await actions()).toEqual([]);
    await uses(carl, 4 * GB);
    // What its slot has to tell the pool's, and that the others, may be anywhere by now.
    await killed();
    await all('throttle');
    await run.settled(weir, WAIT_MS);
    expect((await actions()).sort()).toEqual(
      [
        `notify ${anna} shared-fup nearly-used-up`,
        ...members.map((id) => `throttle ${id} shared-fup slow-at-allowance`),
      ].sort(),
    );
    expect(effects()).toEqual(members.map((id) => [`${id}@example.net`, STEADY_BPS]).sort());
    expect((await pool()).usage).toMatchObject({ usedBytes: String(11 * GB), usedPercent: 110 });
  });

  it('restores them by a top-up that is bought for it, over a kill', async () => {
    await command(`pools top-up ${POOL} extra-20gb`);
    await killed();
    await all('restore');
    await run.settled(weir, WAIT_MS);
    expect(await actions()).toHaveLength(2 * members.length + 1);
    expect(effects()).toHaveLength(2 * members.length);
    expect(run.nas.failures).toEqual([]);
    const items = await run.pool.query(
      'select amount_minor::int as amount from billing_item where pool_id = $1',
      [POOL],
    );
    expect(items.rows).toEqual([{ amount: 500 }]);
  });

  it('and all of it is what the log says', async () => {
    const { out, err } = await run.weir('verify --wait 10');
    expect(out.trimEnd().split('\n').at(-1), err).toBe('0 differences');
  });

  function effects(): [string, number][] {
    return run.nas.effects
      .map(({ userName, speed }): [string, number] => [userName, speed.downBps])
      .sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : a[1] - b[1]));
  }
});
