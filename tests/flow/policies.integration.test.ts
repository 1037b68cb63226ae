import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inShare } from '../../rules/compile/policy.ts';
import type { PolicyFile } from '../../schemas/policy.ts';
import type { PolicyListView, ShadowReportView } from '../../schemas/policy-views.ts';
import { aProfile } from '../../storage/profile-factory.contract.ts';
import { PostgresDirectory } from '../../storage/postgres/directory.ts';
import { SecretBox } from '../../storage/postgres/secret-box.ts';
import { FlowRun } from './flow-run.ts';
import type { CommandEnd } from './flow-run.ts';
import type { WeirProcess } from './weir-process.ts';

const WAIT_MS = 60_000;
const GB = 1_000_000_000;
const [HEAVY, LIGHT] = [60, 20];
const PERCENT = 10;
/** Of the workload: home-lite, whose cap is 5 GB in these runs. */
const PLAN = 'home-lite';

const POLICY: PolicyFile = {
  id: 'cap',
  description: 'slow at the cap',
  mode: 'shadow',
  rules: [
    {
      name: 'slow',
      conditions: { all: [{ fact: 'capUsedPercent', operator: 'greaterThanInclusive', value: 100 }] },
      event: { type: 'throttle', params: { downBps: 1_000_000, upBps: 500_000 } },
    },
  ],
};

const heavy = Array.from({ length: HEAVY }, (_, i) => `heavy-${i}`);
const light = Array.from({ length: LIGHT }, (_, i) => `light-${i}`);
/** Those of the share, by the hash that decides it; its percentage stands in the file. */
const share = heavy
  .filter((id) => inShare({ policyId: POLICY.id, version: '', file: { ...POLICY, percent: PERCENT } }, id))
  .sort();

describe('the life of a policy, on real servers', () => {
  let run: FlowRun;
  let weir: WeirProcess;
  let folder: string;
  let file: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weir-policies-'));
    file = join(folder, 'published-by-hand', 'cap.json');
    run = await FlowRun.open({
      ...{ seed: 1, subscribers: 1, records: 10 },
      // Nothing moves an idle partition's time in simulated time.
      realTime: true,
      env: { WEIR_POLICIES_DIR: join(folder, 'watched') },
    });
    const directory = new PostgresDirectory(run.pool, new SecretBox(Buffer.alloc(32)));
    const assignments = [{ planId: PLAN, fromMs: 0, toMs: null }];
    // Half a month away: no cycle begins in the midst of what they use.
    const anchorDay = ((new Date().getUTCDate() + 13) % 28) + 1;
    await directory.putSubscribers(
      [...heavy, ...light].map((id) => aProfile(id, { assignments, anchorDay })),
    );
    weir = run.start();
    await weir.until(
      'the program answers',
      async () => (await run.overview()).partitions.length > 0,
      WAIT_MS,
    );
    await relayed();
    await run.feed(heavy.flatMap((id) => usage(id, 6 * GB)));
    await run.feed(light.flatMap((id) => usage(id, GB)));
    await run.settled(weir, WAIT_MS);
  });

  afterAll(async () => {
    await run.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** A session of the last 20 minutes with so many octets. */
  function usage(id: string, octets: number): object[] {
    const nowMs = Date.now();
    const session = {
      subscriber_id: id,
      user_name: `${id}@example.net`,
      session_id: `s-${id}`,
      nas_id: 'nas-01',
    };
    return [
      { ...session, status_type: 'START', event_time: nowMs - 1_200_000, input_octets: 0, output_octets: 0 },
      {
        ...session,
        status_type: 'INTERIM_UPDATE',
        event_time: nowMs - 120_000,
        input_octets: 1_000,
        output_octets: octets,
      },
    ];
  }

  async function relayed(): Promise<void> {
    const empty = async (): Promise<boolean> =>
      (await run.pool.query('select from control_outbox')).rowCount === 0;
    await weir.until('all controls are in the log', empty, WAIT_MS);
  }

  /** Runs a command that must end well. */
  async function command(text: string): Promise<CommandEnd> {
    const ended = await run.weir(text);
    expect(ended, text).toMatchObject({ code: 0 });
    return ended;
  }

  /** Resolves when every partition runs what was published. */
  async function everywhere(): Promise<void> {
    await relayed();
    const settled = async (): Promise<boolean> => {
      const list = JSON.parse((await run.weir('policy list --json')).out) as PolicyListView;
      return list.reporting === list.partitions && list.policies.every(({ elsewhere }) => elsewhere === 0);
    };
    await weir.until('every partition runs it', settled, WAIT_MS);
  }

  /** Subscribers whose last action is of the kind, sorted; of finished actions. */
  async function last(kind: string): Promise<string[]> {
    const { rows } = await run.pool.query<{ id: string; kind: string; open: boolean }>(
      `select distinct on (subscriber_id) subscriber_id as id, kind, state not in ('delivered', 'superseded') as open
       from action order by subscriber_id, seq desc`,
    );
    return rows
      .filter((row) => row.kind === kind && !row.open)
      .map(({ id }) => id)
      .sort();
  }

  async function shadows(): Promise<string[]> {
    const { rows } = await run.pool.query<{ id: string }>(
      'select distinct subscriber_id as id from shadow_decision where began',
    );
    return rows.map(({ id }) => id).sort();
  }

  async function until(
    what: string,
    now: () => Promise<string[]>,
    expected: readonly string[],
  ): Promise<void> {
    const same = async (): Promise<boolean> =>
      JSON.stringify(await now()) === JSON.stringify([...expected].sort());
    await weir.until(what, same, WAIT_MS);
  }

  it('in shadow decides and does nothing', async () => {
    expect(share.length).toBeGreaterThan(0);
    expect(share.length).toBeLessThan(HEAVY);
    await mkdir(join(folder, 'published-by-hand'));
    await writeFile(file, JSON.stringify(POLICY));
    await command(`policy publish ${file} --comment look-first`);
    await everywhere();
    await until('every heavy line is decided', shadows, heavy);
    expect((await run.pool.query('select from action')).rowCount).toBe(0);
    const report = JSON.parse((await command('policy shadow-report cap --json')).out) as ShadowReportView;
    expect(report).toMatchObject({ gained: HEAVY, same: 0, lost: 0 });
    expect(report.shadow).toEqual([{ kind: 'throttle', decisions: HEAVY, subscribers: HEAVY }]);
    expect(report.byPlan).toEqual([{ planId: PLAN, same: 0, gained: HEAVY, lost: 0 }]);
    expect(report.gainedSamples[0]?.explanation[0]).toMatchObject({ fact: 'capUsedPercent', result: true });
  });

  it('edited in shadow goes on with what holds: the report has it, and the question is asked', async () => {
    await writeFile(file, JSON.stringify({ ...POLICY, description: 'edited' }));
    await command(`policy publish ${file}`);
    await everywhere();
    const report = JSON.parse((await command('policy shadow-report cap --json')).out) as ShadowReportView;
    expect(report).toMatchObject({ gained: HEAVY, same: 0, lost: 0 });
    expect((await run.weir('policy promote cap --to enforce')).err).toContain(`acts on ${HEAVY} of`);
  });

  it('on a share acts on exactly those in it, when that was confirmed', async () => {
    const asked = await run.weir(`policy promote cap --to percent ${PERCENT}`);
    expect(asked.code).toBe(1);
    expect(asked.err).toContain('--yes');
    expect(await last('throttle')).toEqual([]);
    await command(`policy promote cap --to percent ${PERCENT} --yes`);
    await everywhere();
    await until('the share is throttled', () => last('throttle'), share);
    expect((await run.pool.query('select from action')).rowCount).toBe(share.length);
  });

  it('enforced acts on all, and again on none', async () => {
    await command('policy promote cap --to enforce --yes');
    await everywhere();
    await until('every heavy line is throttled', () => last('throttle'), heavy);
    expect((await run.pool.query('select from action')).rowCount).toBe(HEAVY);
    const slow = run.nas.effects.filter(({ speed }) => speed.downBps === 1_000_000);
    expect(slow.map(({ userName }) => userName).sort()).toEqual(
      heavy.map((id) => `${id}@example.net`).sort(),
    );
  });

  it('rolled back restores all, and every step is told', async () => {
    await command('policy rollback cap --comment too-many');
    await everywhere();
    await until('every line has its speed back', () => last('restore'), heavy);
    expect(run.nas.effects).toHaveLength(2 * HEAVY);
    expect(run.nas.failures).toEqual([]);
    const { rows } = await run.pool.query<{ line: string }>(
      `select concat_ws(' ', who, action, content ->> 'mode', content ->> 'source') as line
       from audit where subject = 'cap' order by id`,
    );
    expect(rows.map(({ line }) => line)).toEqual([
      'admin policy-validate cli',
      'admin policy-draft shadow cli',
      'admin policy-publish shadow cli',
      'admin policy-validate cli',
      'admin policy-draft shadow cli',
      'admin policy-publish shadow cli',
      'admin policy-publish percent cli',
      'admin policy-publish enforce cli',
      'admin policy-rollback cli',
    ]);
    expect((await run.weir('policy status')).code).toBe(0);
  });

  it('in the folder needs a yes for so many, and a wrong file leaves what is in force', async () => {
    const watched = join(folder, 'watched');
    await mkdir(watched, { recursive: true });
    const path = join(watched, 'cap.json');
    await writeFile(path, JSON.stringify({ ...POLICY, mode: 'enforce' }));
    const says = (what: RegExp) => async (): Promise<boolean> => {
      const { code, out } = await run.weir('policy status');
      return code === 1 && what.test(out);
    };
    await weir.until('the status asks', says(/this acts on .* policy publish .*cap\.json --yes/), WAIT_MS);
    expect(await last('throttle')).toEqual([]);
    await command(`policy publish ${path} --yes`);
    await until('every heavy line is throttled again', () => last('throttle'), heavy);
    await writeFile(path, JSON.stringify({ ...POLICY, mode: 'of' }));
    await weir.until('the status says so', says(/cap\.json:1:\d+: P105/), WAIT_MS);
    expect(await run.metric('weir_policy_folder_faults')).toBe(1);
    expect(await last('throttle')).toEqual([...heavy].sort());
  });
});
