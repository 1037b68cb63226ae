import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../../cli/commands.ts';
import { freePorts } from '../../dev/processes/ports.ts';
import type { ExplainView, TimelineView } from '../../schemas/timeline-views.ts';
import type { ActionView, OverviewView } from '../../schemas/views.ts';
import { WeirProcess } from './weir-process.ts';

const THROTTLED_WITHIN_MS = 90_000;

let scratch: string;
let weir: WeirProcess;
const env: Record<string, string> = {};
/** the first throttle that a simulated NAS acknowledged */
let throttle: ActionView;

async function ask<View>(path: string): Promise<View> {
  const key = (await readFile(join(scratch, 'data', 'admin-key'), 'utf8')).trim();
  const url = `http://127.0.0.1:${env['WEIR_API_PORT'] ?? ''}${path}`;
  const response = await fetch(url, { headers: { authorization: `Bearer ${key}` } });
  if (!response.ok) throw new Error(`${path}: ${String(response.status)} ${await response.text()}`);
  return (await response.json()) as View;
}

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'weir-explain-'));
  const [api, metrics] = await freePorts(2);
  env['WEIR_DATA_DIR'] = join(scratch, 'data');
  env['WEIR_API_PORT'] = String(api);
  env['WEIR_METRICS_PORT'] = String(metrics);
  env['WEIR_SIMULATOR_SUBSCRIBERS'] = '60';
  env['WEIR_SIMULATOR_SPEED'] = '300';
  weir = new WeirProcess(env);
  const found: ActionView[] = [];
  const isThrottled = async (): Promise<boolean> => {
    const { recentActions } = await ask<OverviewView>('/v1/overview');
    found.push(...recentActions.filter(({ kind, state }) => kind === 'throttle' && state === 'delivered'));
    return found.length > 0;
  };
  await weir.until('a throttle', isThrottled, THROTTLED_WITHIN_MS);
  const [first] = found;
  if (first === undefined) throw new Error('no throttle');
  throttle = first;
});

afterAll(async () => {
  await weir.end('SIGKILL');
  await rm(scratch, { recursive: true, force: true });
});

describe('a subscriber whom the running program throttled', () => {
  it('is explained: conditions with values, version, what acts and what the NAS answered', async () => {
    const view = await ask<ExplainView>(`/v1/subscribers/${throttle.subscriberId}/explain`);
    expect(view).toMatchObject({ basis: 'stored', desired: { state: 'throttle' } });
    expect(view.because).toMatch(/^home-fup\/[a-z0-9-]+ acts/);
    expect(view.lastChange).toMatchObject({ action: 'throttle', policyId: 'home-fup' });
    const policy = view.policies.find(({ policyId }) => policyId === 'home-fup');
    expect(policy).toMatchObject({ policyVersion: throttle.policyVersion, role: 'base', applies: true });
    const rule = policy?.rules.find(({ rule: name }) => name === throttle.rule);
    expect(rule).toMatchObject({ acting: true });
    const condition = rule?.conditions.find(({ fact }) => fact === 'capUsedPercent');
    const fact = view.facts.find(({ name }) => name === 'capUsedPercent');
    expect(condition).toMatchObject({ expected: 100, result: true, actual: fact?.value });
    expect(Number(fact?.value)).toBeGreaterThanOrEqual(100);
  });

  it('is explained at the time of the decision, with the facts that decided added up anew', async () => {
    const at = new Date(Date.parse(throttle.decidedAt) + 10 * 60_000).toISOString();
    // Its windows reach analytics with the next flush.
    let view: ExplainView | null = null;
    const isThere = async (): Promise<boolean> => {
      view = await ask<ExplainView>(`/v1/subscribers/${throttle.subscriberId}/explain?at=${at}`);
      const used = view.facts.find(({ name }) => name === 'capUsedPercent')?.value;
      return view.basis === 'reconstructed' && Number(used) >= 100;
    };
    await weir.until('usage in analytics', isThere, THROTTLED_WITHIN_MS);
    expect(view).toMatchObject({
      at,
      lastDecision: {
        id: throttle.id,
        at: throttle.decidedAt,
        policyVersion: throttle.policyVersion,
        state: 'delivered',
        explanation: throttle.explanation,
      },
    });
  });

  it('has a timeline, the same page by page', async () => {
    const path = `/v1/subscribers/${throttle.subscriberId}/timeline`;
    const to = throttle.decidedAt;
    const whole = await ask<TimelineView>(`${path}?to=${to}&limit=500`);
    expect(whole.entries.find(({ kind }) => kind === 'action')).toMatchObject({ at: to });
    expect(whole.entries.map(({ kind }) => kind)).toContain('session-start');
    const texts: string[] = [];
    let before = '';
    for (let pages = 0; pages < 100; pages += 1) {
      const page = await ask<TimelineView>(`${path}?to=${to}&limit=3${before}`);
      texts.push(...page.entries.map(({ text }) => text));
      if (page.next === null) break;
      before = `&before=${page.next}`;
    }
    // What is still open or not yet flushed may change between two looks; decisions do not.
    const decided = (all: readonly string[]) => all.filter((text) => text.includes(' by home-fup/'));
    expect(decided(texts)).toEqual(decided(whole.entries.map(({ text }) => text)));
    expect(decided(texts).length).toBeGreaterThan(0);
  });

  it('is explained on the command line', async () => {
    let out = '';
    const code = await runCli(['explain', throttle.subscriberId], {
      env,
      version: '0',
      out: (text) => (out += text),
      err: (text) => (out += text),
      start: () => Promise.resolve(0),
    });
    expect(code, out).toBe(0);
    expect(out).toContain('capUsedPercent at least 100 %: it is 1');
    expect(out).toMatch(/network +throttle by home-fup\/[a-z0-9-]+ version [0-9a-f]{8}, delivered: .*ACK/);
  });
});
