import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { capPolicy, capTests, policyRig } from '../../pipeline/policies/policy-rig.contract.ts';
import { policyVersion } from '../../pipeline/policies/policy-version.ts';
import type { PolicyFile } from '../../schemas/policy.ts';
import type {
  PolicyCheckView,
  PolicyDetailView,
  PolicyListView,
  PolicyPublishedView,
  ShadowReportView,
} from '../../schemas/policy-views.ts';
import { NO_PROVIDER_SETTINGS } from '../../schemas/provider.ts';
import { ROLES } from '../../schemas/roles.ts';
import type { Role } from '../../schemas/roles.ts';
import { apiOptions } from '../api-rig.contract.ts';
import { createApi } from '../server.ts';

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

let policies: ReturnType<typeof policyRig>;
let options: ReturnType<typeof apiOptions>;
let app: Awaited<ReturnType<typeof createApi>>['app'];

// One API for all: making one takes a quarter of a second. What it shows is made anew for each test.
beforeAll(async () => {
  policies = policyRig();
  const life = new Proxy(policies.life, {
    get: (_, key) => (Reflect.get(policies.life, key) as () => unknown).bind(policies.life),
  });
  options = { ...apiOptions({ policies: life }), rateLimit: 100_000 };
  ({ app } = await createApi(options));
});

beforeEach(() => {
  policies = policyRig();
});

async function rig() {
  const ask = async (role: Role, method: Method, url: string, payload?: object, agent = 'curl') => {
    const { key } = await options.keys.create('ann', [role]);
    const headers = { authorization: `Bearer ${key}`, 'user-agent': agent };
    return app.inject({ method, url, headers, ...(payload === undefined ? {} : { payload }) });
  };
  /** Keeps a draft; its version. */
  const draft = async (file: PolicyFile): Promise<string> => {
    const answer = await ask('product', 'POST', '/v1/policies', { policy: file });
    expect(answer.statusCode, answer.body).toBe(200);
    return answer.json<{ version: string }>().version;
  };
  const publish = async (version: string, body: object = {}) =>
    ask('product', 'POST', '/v1/policies/fup/publish', { version, ...body });
  return { ...policies, ask, draft, publish };
}

const policy = capPolicy();
const { version } = policyVersion(policy);

describe('access', () => {
  it('is by role', async () => {
    const { ask, draft, publish } = await rig();
    await publish(await draft(policy));
    const looks = [
      '/v1/policies',
      '/v1/policies/fup',
      `/v1/policies/fup/versions/${version}`,
      '/v1/provider-settings',
    ];
    for (const role of ROLES) {
      const may = ['viewer', 'analyst', 'product', 'operator', 'admin'].includes(role);
      for (const url of looks)
        expect((await ask(role, 'GET', url)).statusCode, `${role} ${url}`).toBe(may ? 200 : 403);
      const changes = [
        ['POST', '/v1/policies', { policy }],
        ['POST', '/v1/policies/fup/publish', { version }],
        ['POST', '/v1/policies/none/rollback', {}],
        ['DELETE', '/v1/policies/none', undefined],
        ['PUT', '/v1/provider-settings', { settings: NO_PROVIDER_SETTINGS }],
      ] as const;
      for (const [method, url, body] of changes) {
        const { statusCode } = await ask(role, method, url, body);
        expect(statusCode === 403, `${role} ${method} ${url}`).toBe(!['product', 'admin'].includes(role));
      }
    }
  });
});

describe('POST /v1/policies/validate', () => {
  const validate = async (body: object) =>
    (await rig()).ask('product', 'POST', '/v1/policies/validate', body);

  it('checks and tests a policy and stores nothing', async () => {
    const { ask, store } = await rig();
    const answer = await ask('product', 'POST', '/v1/policies/validate', { policy, tests: capTests() });
    expect(answer.json()).toMatchObject({ ok: true, id: 'fup', version, tests: { passed: 1, failed: 0 } });
    expect(await store.heads()).toEqual([]);
    expect(store.audit).toEqual([{ who: 'ann', action: 'policy-validate', subject: 'fup' }]);
  });

  it('says where something is wrong, in the text that was given', async () => {
    const text = JSON.stringify(policy, null, 2).replace('capUsedPercent', 'capUsedPercen');
    const { ok, findings, version: none } = (await validate({ policy: text })).json<PolicyCheckView>();
    expect([ok, none]).toEqual([false, null]);
    expect(findings).toContainEqual(expect.objectContaining({ code: 'P101', severity: 'error', line: 11 }));
    expect(findings[0]?.file).toBe('policy.json');
  });

  it('tells a failing case', async () => {
    const answer = (await validate({ policy, tests: capTests(true) })).json<PolicyCheckView>();
    expect(answer).toMatchObject({ ok: false, tests: { passed: 0, failed: 1 } });
    expect(answer.findings[0]).toMatchObject({ file: 'policy.test.json', code: 'T000' });
    expect(answer.findings[0]?.message).toContain('"at the cap"');
  });

  it.each([
    ['no JSON', '{'],
    ['nothing', ''],
    ['a list', '[]'],
    ['a NUL', JSON.stringify({ ...policy, description: 'a\0b' })],
    ['half a character', JSON.stringify({ ...policy, description: '\ud800' })],
  ])('takes %s without a failure of its own', async (_, text) => {
    const answer = await validate({ policy: text });
    expect(answer.statusCode).toBe(200);
    expect(answer.json<PolicyCheckView>().ok).toBe(false);
  });

  it.each([
    ['no policy', {}, 400],
    ['a number', { policy: 1 }, 400],
    ['an unknown key', { policy, colour: 'red' }, 400],
    ['more than 256 KiB', { policy: ' '.repeat(262_144) }, 413],
  ])('refuses %s', async (_, body, status) => {
    expect((await validate(body)).statusCode).toBe(status);
  });
});

describe('drafts and publication', () => {
  it('keeps a draft, publishes it, and tells who did what', async () => {
    const { ask, draft, publish, store } = await rig();
    expect(await draft(policy)).toBe(version);
    expect((await ask('viewer', 'GET', '/v1/policies')).json<PolicyListView>().policies[0]).toMatchObject({
      ...{ id: 'fup', base: null, candidate: null, newest: version },
    });
    const published = await publish(version, { comment: 'go' });
    expect(published.json()).toEqual({
      ...{ id: 'fup', changed: true, base: version, candidate: null, actsOn: null, subscribers: 100 },
    });
    expect((await publish(version)).json()).toMatchObject({ changed: false, base: version });
    expect(store.controls).toHaveLength(1);
    expect(store.audit.map(({ who, action }) => `${who} ${action}`)).toEqual([
      'ann policy-draft',
      'ann policy-publish',
      'ann policy-publish',
    ]);
    const detail = (await ask('viewer', 'GET', '/v1/policies/fup')).json<PolicyDetailView>();
    expect(detail.base).toMatchObject({ version, by: 'ann', source: 'api', comment: 'go', partitions: 0 });
    expect(detail.changes).toHaveLength(1);
    expect(detail.versions).toMatchObject([{ version, mode: 'enforce', percent: null }]);
    const content = await ask('viewer', 'GET', `/v1/policies/fup/versions/${version}`);
    expect(content.json()).toMatchObject({ id: 'fup', version, file: policy });
  });

  it('refuses a draft that is wrong, with the place', async () => {
    const { ask, store } = await rig();
    const wrong = { ...policy, rules: [] };
    const answer = await ask('product', 'POST', '/v1/policies', { policy: wrong });
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({ code: 'invalid-input' });
    expect(answer.json<{ detail: string }>().detail).toMatch(/policy\.json:\d+:\d+: P\d+/);
    const failing = await ask('product', 'POST', '/v1/policies', { policy, tests: capTests(true) });
    expect(failing.statusCode).toBe(400);
    expect(await store.heads()).toEqual([]);
  });

  it('goes from shadow over a share to all, each mode a version', async () => {
    const { ask, draft, publish } = await rig();
    const shadow = await draft(capPolicy({ mode: 'shadow' }));
    await publish(shadow);
    const share = (await publish(shadow, { mode: 'percent', percent: 10 })).json<PolicyPublishedView>();
    expect(share.base).toBeNull();
    const all = (await publish(share.candidate ?? '', { mode: 'enforce' })).json<PolicyPublishedView>();
    expect(all).toMatchObject({ changed: true, base: version, candidate: null });
    const detail = (await ask('viewer', 'GET', '/v1/policies/fup')).json<PolicyDetailView>();
    expect(detail.versions.map(({ mode, percent }) => [mode, percent]).sort()).toEqual([
      ['enforce', null],
      ['percent', 10],
      ['shadow', null],
    ]);
  });

  it('asks before it acts on more than its share at once', async () => {
    const { draft, publish, state, store } = await rig();
    const shadow = await draft(capPolicy({ mode: 'shadow' }));
    await publish(shadow);
    state.holding = 6;
    const asked = await publish(shadow, { mode: 'enforce' });
    expect(asked.statusCode).toBe(409);
    expect(asked.json()).toMatchObject({ code: 'confirmation-needed' });
    expect(asked.json<{ detail: string }>().detail).toContain('6 of 100 subscribers (6.0 %)');
    expect(store.controls).toHaveLength(1);
    expect((await publish(shadow, { mode: 'percent', percent: 50 })).json()).toMatchObject({ actsOn: 3 });
    expect((await publish(shadow, { mode: 'enforce', confirm: true })).json()).toMatchObject({
      ...{ changed: true, actsOn: 6, subscribers: 100 },
    });
    expect((await publish(shadow, { mode: 'off' })).json()).toMatchObject({ changed: true, actsOn: null });
  });

  it('does not ask at the bound itself, nor for what is in force', async () => {
    const { draft, publish, state } = await rig();
    const shadow = await draft(capPolicy({ mode: 'shadow' }));
    await publish(shadow);
    state.holding = 5;
    expect((await publish(shadow, { mode: 'enforce' })).statusCode).toBe(200);
    state.holding = 100;
    expect((await publish(shadow, { mode: 'enforce' })).statusCode).toBe(200);
  });

  it('checks again what was right when it was kept', async () => {
    const { ask, draft, publish } = await rig();
    const settings = { ...NO_PROVIDER_SETTINGS, throttleProfiles: { slow: { downBps: 1, upBps: 1 } } };
    expect((await ask('product', 'PUT', '/v1/provider-settings', { settings })).statusCode).toBe(200);
    const [rule] = policy.rules;
    const event = { type: 'throttle' as const, params: { profile: 'slow' } };
    const kept = await draft({ ...policy, rules: rule === undefined ? [] : [{ ...rule, event }] });
    await ask('product', 'PUT', '/v1/provider-settings', { settings: NO_PROVIDER_SETTINGS });
    const answer = await publish(kept);
    expect(answer.statusCode).toBe(400);
    expect(answer.json<{ detail: string }>().detail).toContain('P405');
  });

  it.each([
    ['an unknown version', { version: 'none' }, 404],
    ['no version', {}, 400],
    ['percent without its mode', { version, percent: 10 }, 400],
    ['the mode without percent', { version, mode: 'percent' }, 400],
    ['more than all', { version, mode: 'percent', percent: 101 }, 400],
    ['an unknown mode', { version, mode: 'on' }, 400],
  ])('refuses %s', async (_, body, status) => {
    const { ask, draft } = await rig();
    await draft(policy);
    expect((await ask('product', 'POST', '/v1/policies/fup/publish', body)).statusCode).toBe(status);
  });
});

describe('what takes too long', () => {
  it('does not happen after all, and is refused while too much waits', async () => {
    const { life, draft, store, state } = await rig();
    await draft(policy);
    const author = { by: 'ann', source: 'api', comment: '' } as const;
    const request = { id: 'fup', version, mode: null, percent: null, confirm: false };
    const gone = new AbortController();
    const asked = life.publish(request, author, gone.signal);
    gone.abort();
    await expect(asked).rejects.toMatchObject({ code: 'timeout' });
    expect(store.controls).toEqual([]);
    state.isBusy = true;
    const answer = await (await rig()).ask('product', 'POST', '/v1/policies/validate', { policy });
    expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([429, 'busy']);
    expect(answer.headers['retry-after']).toBe('1');
  });
});

describe('rollback and withdrawal', () => {
  it('go back, and then end', async () => {
    const { ask, draft, publish } = await rig();
    await publish(await draft(policy));
    const second = await draft(capPolicy({ description: 'second' }));
    await publish(second);
    const back = await ask('product', 'POST', '/v1/policies/fup/rollback', { comment: 'no' }, 'weir-cli/1');
    expect(back.json()).toMatchObject({ changed: true, base: version });
    const detail = (await ask('viewer', 'GET', '/v1/policies/fup')).json<PolicyDetailView>();
    expect(detail.changes[0]).toMatchObject({ kind: 'rollback', source: 'cli', comment: 'no' });
    expect(detail.newest).toBe(second);
    const gone = await ask('product', 'DELETE', '/v1/policies/fup?comment=enough');
    expect(gone.json()).toMatchObject({ changed: true, base: null, candidate: null });
    expect((await ask('product', 'DELETE', '/v1/policies/fup')).json()).toMatchObject({ changed: false });
  });

  it('say what cannot be', async () => {
    const { ask, draft } = await rig();
    expect((await ask('product', 'POST', '/v1/policies/none/rollback', {})).statusCode).toBe(404);
    expect((await ask('product', 'DELETE', '/v1/policies/none')).statusCode).toBe(404);
    expect((await ask('product', 'DELETE', '/v1/policies/No')).statusCode).toBe(400);
    await draft(policy);
    const nothing = await ask('product', 'POST', '/v1/policies/fup/rollback', {});
    expect(nothing.statusCode).toBe(409);
    expect(nothing.json<{ detail: string }>().detail).toContain('nothing before');
  });
});

describe('GET /v1/policies', () => {
  it('says on how many partitions each version runs, and what is wrong with the folder', async () => {
    const { ask, draft, publish, state } = await rig();
    await publish(await draft(policy));
    const shadow = await draft(capPolicy({ description: 'next', mode: 'shadow' }));
    await publish(shadow);
    const at = (partition: number, candidate: string | null) => ({
      ...{ partition, position: 1, layout: 4, policies: { fup: { base: version, candidate } } },
    });
    state.partitions = [at(0, shadow), at(1, null), { partition: 2, position: 0, layout: 4, policies: {} }];
    const refused = { file: 'fup.json', policyId: 'fup', faults: ['fup.json:3:1: P103 no'] };
    const report = { folder: '/p', files: 2, refused: [refused] };
    state.folders = [report, report];
    const list = (await ask('viewer', 'GET', '/v1/policies')).json<PolicyListView>();
    expect(list).toMatchObject({
      partitions: 12,
      reporting: 3,
      refused: [{ file: 'fup.json', id: 'fup', faults: refused.faults }],
    });
    expect(list.policies[0]).toMatchObject({
      ...{ description: 'next', elsewhere: 2, faults: refused.faults },
      base: { version, partitions: 2 },
      candidate: { version: shadow, mode: 'shadow', partitions: 1 },
    });
  });

  it('knows no such policy or version', async () => {
    const { ask, draft } = await rig();
    await draft(policy);
    for (const path of ['none', 'fup/versions/none', 'none/shadow-report'])
      expect((await ask('viewer', 'GET', `/v1/policies/${path}`)).statusCode, path).toBe(404);
  });
});

describe('GET /v1/policies/:id/shadow-report', () => {
  it('is about the candidate, since it is in shadow', async () => {
    const { ask, draft, publish, state } = await rig();
    await publish(await draft(policy));
    expect((await ask('product', 'GET', '/v1/policies/fup/shadow-report')).statusCode).toBe(409);
    const shadow = await draft(capPolicy({ mode: 'shadow' }));
    await publish(shadow);
    state.comparison = {
      ...state.comparison,
      shadow: [{ kind: 'throttle', decisions: 3, subscribers: 2 }],
      gained: 1,
      gainedSamples: [
        {
          ...{ subscriberId: 's1', planId: 'home', rule: 'slow', kind: 'throttle', decidedAtMs: 0 },
          explanation: [{ fact: 'f', operator: 'equal', expected: 1, actual: [1], result: true }],
        },
      ],
    };
    const answer = await ask('product', 'GET', '/v1/policies/fup/shadow-report');
    expect(answer.json()).toMatchObject({
      ...{ id: 'fup', gained: 1, same: 0, shadow: [{ kind: 'throttle', decisions: 3, subscribers: 2 }] },
      gainedSamples: [
        { subscriberId: 's1', decidedAt: '1970-01-01T00:00:00.000Z', explanation: [{ actual: [1] }] },
      ],
    });
    expect(answer.json<ShadowReportView>().versions).toContain(shadow);
    await ask('product', 'GET', '/v1/policies/fup/shadow-report?since=1970-01-01T00:00:01Z');
    expect(state.compared?.sinceMs).toBe(state.compared?.period.beganMs);
    await ask('product', 'GET', '/v1/policies/fup/shadow-report?since=2999-01-01T00:00:00Z');
    expect(state.compared?.sinceMs).toBe(Date.parse('2999-01-01T00:00:00Z'));
    await publish(shadow, { mode: 'enforce' });
    expect((await ask('product', 'GET', '/v1/policies/fup/shadow-report')).statusCode).toBe(200);
    expect((await ask('product', 'GET', '/v1/policies/fup/shadow-report?since=x')).statusCode).toBe(400);
  });
});

describe('/v1/provider-settings', () => {
  it('are nothing until they are set', async () => {
    const { ask, store } = await rig();
    expect((await ask('viewer', 'GET', '/v1/provider-settings')).json()).toMatchObject({
      ...{ version: null, publishedAt: null, settings: NO_PROVIDER_SETTINGS },
    });
    const settings = { ...NO_PROVIDER_SETTINGS, redirectProfiles: ['portal'] };
    const put = await ask('product', 'PUT', '/v1/provider-settings', { settings, comment: 'first' });
    expect(put.json()).toMatchObject({ settings, by: 'ann', source: 'api', comment: 'first' });
    expect(store.controls).toEqual([{ kind: 'provider-settings', settings }]);
  });

  it('are refused where they are wrong', async () => {
    const { ask } = await rig();
    const settings = { ...NO_PROVIDER_SETTINGS, neutrality: 'yes' };
    const answer = await ask('product', 'PUT', '/v1/provider-settings', { settings });
    expect(answer.statusCode).toBe(400);
    expect(answer.json<{ detail: string }>().detail).toContain('provider.json:');
  });
});
