import { beforeEach, describe, expect, it } from 'vitest';
import type { Control } from '../schemas/control.ts';
import type { PolicyFile, PolicyVersion } from '../schemas/policy.ts';
import { NO_PROVIDER_SETTINGS } from '../schemas/provider.ts';
import type { Authorship, PolicyStore } from './policy-ports.ts';

/** A store under test, empty, with what it has written beside it. */
export interface PolicyStoreRig {
  store: PolicyStore;
  /** in the order of the log; emptied */
  controls(): Promise<Control[]>;
  /** `who action subject` of each, in order */
  audit(): Promise<string[]>;
}

const ann: Authorship = { by: 'ann', source: 'api', comment: 'try it' };
const folder: Authorship = { by: 'folder', source: 'folder', comment: '' };

/** A version of policy `fup` (or another) by name; the name stands in its description. */
export function aPolicy(name: string, mode: PolicyFile['mode'] = 'enforce', id = 'fup'): PolicyVersion {
  const rules: PolicyFile['rules'] = [];
  const file: PolicyFile = { id, description: name, mode, rules };
  return { policyId: id, version: `${name}-${mode}`, file };
}

/** What holds for every store of policies. */
export function policyStoreLaws(open: () => Promise<PolicyStoreRig>): void {
  let rig: PolicyStoreRig;
  let store: PolicyStore;
  beforeEach(async () => {
    rig = await open();
    store = rig.store;
  });

  /** base and candidate of a policy by version */
  async function heads(policyId = 'fup'): Promise<(string | null)[]> {
    const head = await store.head(policyId);
    return [head?.base?.version.version ?? null, head?.candidate?.version.version ?? null];
  }
  /** kinds of the controls, with the version */
  async function sent(): Promise<string[]> {
    return (await rig.controls()).map((control) =>
      control.kind === 'policy-version' ? control.policy.version : control.kind,
    );
  }

  describe('publish', () => {
    it('brings a version into force once, with its control and audit', async () => {
      const before = Date.now() - 60_000;
      const [change] = await store.publish([aPolicy('a')], ann);
      expect(change).toMatchObject({
        ...{ policyId: 'fup', kind: 'publish', base: 'a-enforce', candidate: null },
        ...{ by: 'ann', source: 'api', comment: 'try it' },
      });
      expect(change?.atMs).toBeGreaterThan(before);
      expect(await rig.controls()).toEqual([{ kind: 'policy-version', policy: aPolicy('a') }]);
      expect(await store.publish([aPolicy('a')], ann)).toEqual([]);
      expect(await rig.controls()).toEqual([]);
      expect(await rig.audit()).toEqual(['ann policy-publish fup', 'ann policy-publish fup']);
    });

    it('puts a candidate beside the base, and enforce ends it', async () => {
      await store.publish([aPolicy('a')], ann);
      await store.publish([aPolicy('b', 'shadow')], ann);
      expect(await heads()).toEqual(['a-enforce', 'b-shadow']);
      await store.publish([aPolicy('b', 'percent')], ann);
      expect(await heads()).toEqual(['a-enforce', 'b-percent']);
      await store.publish([aPolicy('b')], ann);
      expect(await heads()).toEqual(['b-enforce', null]);
      expect(await sent()).toEqual(['a-enforce', 'b-shadow', 'b-percent', 'b-enforce']);
    });

    it('of the base again ends a candidate', async () => {
      await store.publish([aPolicy('a'), aPolicy('b', 'shadow')], ann);
      await rig.controls();
      await store.publish([aPolicy('a')], ann);
      expect(await heads()).toEqual(['a-enforce', null]);
      expect(await sent()).toEqual(['a-enforce']);
    });

    it('says of each version in force by which change it came', async () => {
      await store.publish([aPolicy('a')], folder);
      await store.publish([aPolicy('b', 'shadow')], ann);
      const head = await store.head('fup');
      expect(head?.base?.change).toMatchObject({ by: 'folder', source: 'folder', base: 'a-enforce' });
      expect(head?.candidate?.change).toMatchObject({ by: 'ann', candidate: 'b-shadow' });
      expect(head?.candidate?.version).toMatchObject({ ...aPolicy('b', 'shadow'), by: 'ann' });
      expect(head?.newest.version).toBe('b-shadow');
    });

    it('takes nothing of a call with a forged version', async () => {
      await store.publish([aPolicy('a')], ann);
      await rig.controls();
      const forged = { ...aPolicy('a'), file: aPolicy('other').file };
      const calls = [store.publish([forged], ann), store.draft(forged, ann)];
      for (const call of calls) await expect(call).rejects.toMatchObject({ code: 'conflict' });
      expect(await rig.controls()).toEqual([]);
    });

    it('of nothing does nothing', async () => {
      expect(await store.publish([], ann)).toEqual([]);
    });
  });

  describe('draft', () => {
    it('is kept and not in force', async () => {
      expect(await store.draft(aPolicy('a'), ann)).toBe(true);
      expect(await store.draft(aPolicy('a'), ann)).toBe(false);
      expect(await heads()).toEqual([null, null]);
      expect(await rig.controls()).toEqual([]);
      expect(await rig.audit()).toEqual(['ann policy-draft fup', 'ann policy-draft fup']);
      expect(await store.version('fup', 'a-enforce')).toMatchObject({
        ...aPolicy('a'),
        by: 'ann',
        source: 'api',
      });
      expect((await store.heads()).map(({ policyId }) => policyId)).toEqual(['fup']);
    });
  });

  it('notes who asked for what changes nothing, and who had something checked; not the folder', async () => {
    const settings = NO_PROVIDER_SETTINGS;
    await store.takeFolder({ settings, policies: [aPolicy('a')] }, folder);
    const before = await rig.audit();
    await store.takeFolder({ settings, policies: [aPolicy('a')] }, folder);
    await store.publish([aPolicy('a')], ann);
    await store.putSettings(settings, ann);
    for (let i = 0; i < 2; i += 1) await store.withdraw('fup', ann);
    await store.noteValidated('n\0', 'v', ann);
    await store.noteValidated(null, null, ann);
    const after = (await rig.audit()).slice(before.length);
    expect(after.map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual([
      ...['ann policy-publish', 'ann provider-settings', 'ann policy-withdraw', 'ann policy-withdraw'],
      ...['ann policy-validate', 'ann policy-validate'],
    ]);
  });

  describe('takeFolder', () => {
    it('brings in what the folder changed, and an unchanged file undoes nothing', async () => {
      const content = { settings: null, policies: [aPolicy('a', 'shadow')] };
      expect((await store.takeFolder(content, folder)).changes).toHaveLength(1);
      await store.publish([aPolicy('a')], ann);
      expect((await store.takeFolder(content, folder)).changes).toEqual([]);
      expect(await heads()).toEqual(['a-enforce', null]);
      expect((await store.head('fup'))?.folderVersion).toBe('a-shadow');
      await store.takeFolder({ settings: null, policies: [aPolicy('b')] }, folder);
      expect(await heads()).toEqual(['b-enforce', null]);
      expect(await store.untaken(content.policies, new Set(['fup']))).toEqual(['fup']);
      await store.takeFolder(content, folder, new Set(['fup']));
      expect(await heads()).toEqual(['b-enforce', 'a-shadow']);
    });

    it('notes a file that holds what is in force already, and does not bring back what was withdrawn', async () => {
      await store.publish([aPolicy('a')], ann);
      await rig.controls();
      const content = { settings: null, policies: [aPolicy('a')] };
      expect((await store.takeFolder(content, folder)).changes).toEqual([]);
      await store.withdraw('fup', ann);
      expect((await store.takeFolder(content, folder)).changes).toEqual([]);
      expect(await heads()).toEqual([null, null]);
      expect(await sent()).toEqual(['policy-withdrawn']);
    });

    it('takes a content once: folders that differ do not undo each other, nor a rollback', async () => {
      const one = { settings: NO_PROVIDER_SETTINGS, policies: [aPolicy('a')] };
      const other = { settings: { ...NO_PROVIDER_SETTINGS, neutrality: true }, policies: [aPolicy('b')] };
      for (const content of [one, other, one]) await store.takeFolder(content, folder);
      expect(await heads()).toEqual(['b-enforce', null]);
      expect((await store.settings())?.settings.neutrality).toBe(true);
      await store.rollback('fup', ann);
      for (const content of [other, one]) {
        expect(await store.untaken(content.policies)).toEqual([]);
        expect(await store.takeFolder(content, folder)).toEqual({ changes: [], settings: false });
      }
      expect(await heads()).toEqual(['a-enforce', null]);
      const changed = new Set(['fup', 'provider.json']);
      expect(await store.takeFolder(one, folder, changed)).toEqual({ changes: [], settings: true });
      expect(await store.takeFolder(one, folder, changed)).toEqual({ changes: [], settings: false });
    });

    it('sends settings before policies', async () => {
      const settings = { ...NO_PROVIDER_SETTINGS, redirectProfiles: ['portal'] };
      const content = { settings, policies: [aPolicy('a')] };
      expect(await store.takeFolder(content, folder)).toMatchObject({ settings: true });
      expect(await sent()).toEqual(['provider-settings', 'a-enforce']);
      await store.putSettings(NO_PROVIDER_SETTINGS, ann);
      expect(await store.takeFolder(content, folder)).toEqual({ changes: [], settings: false });
      expect((await store.settings())?.settings).toEqual(NO_PROVIDER_SETTINGS);
    });
  });

  describe('rollback', () => {
    it('drops a candidate by publishing the base again', async () => {
      await store.publish([aPolicy('a'), aPolicy('b', 'percent')], ann);
      await rig.controls();
      expect(await store.rollback('fup', ann)).toMatchObject({
        kind: 'rollback',
        base: 'a-enforce',
        candidate: null,
      });
      expect(await sent()).toEqual(['a-enforce']);
      expect(await heads()).toEqual(['a-enforce', null]);
    });

    it('brings the base before back, step by step, and at last withdraws', async () => {
      for (const name of ['a', 'b', 'c']) await store.publish([aPolicy(name)], ann);
      await rig.controls();
      for (const expected of ['b-enforce', 'a-enforce', null]) {
        await store.rollback('fup', ann);
        expect(await heads()).toEqual([expected, null]);
      }
      expect(await rig.controls()).toEqual([
        { kind: 'policy-version', policy: aPolicy('b') },
        { kind: 'policy-version', policy: aPolicy('a') },
        { kind: 'policy-withdrawn', policyId: 'fup' },
      ]);
      await expect(store.rollback('fup', ann)).rejects.toMatchObject({ code: 'conflict' });
      expect((await rig.audit()).slice(-1)).toEqual(['ann policy-rollback fup']);
    });

    it('brings back what was withdrawn', async () => {
      await store.publish([aPolicy('a')], ann);
      await store.withdraw('fup', ann);
      await store.rollback('fup', ann);
      expect(await heads()).toEqual(['a-enforce', null]);
    });

    it('knows no such policy', async () => {
      await expect(store.rollback('other', ann)).rejects.toMatchObject({ code: 'not-found' });
    });
  });

  describe('withdraw', () => {
    it('ends both, once', async () => {
      await store.publish([aPolicy('a'), aPolicy('b', 'shadow')], ann);
      await rig.controls();
      expect(await store.withdraw('fup', ann)).toMatchObject({
        kind: 'withdraw',
        base: null,
        candidate: null,
      });
      expect(await store.withdraw('fup', ann)).toBeNull();
      expect(await rig.controls()).toEqual([{ kind: 'policy-withdrawn', policyId: 'fup' }]);
      expect(await heads()).toEqual([null, null]);
      await expect(store.withdraw('other', ann)).rejects.toMatchObject({ code: 'not-found' });
    });
  });

  describe('what is kept', () => {
    it('is every version and every change, newest first', async () => {
      await store.publish([aPolicy('a')], ann);
      await store.publish([aPolicy('b', 'shadow')], ann);
      await store.withdraw('fup', { ...ann, comment: 'enough' });
      expect((await store.versions('fup', 10)).map(({ version }) => version)).toEqual([
        'b-shadow',
        'a-enforce',
      ]);
      expect(await store.versions('fup', 1)).toHaveLength(1);
      expect((await store.changes('fup', 10)).map(({ kind, comment }) => `${kind} ${comment}`)).toEqual([
        'withdraw enough',
        'publish try it',
        'publish try it',
      ]);
      expect(await store.version('fup', 'c')).toBeNull();
      expect(await store.version('f\0p', 'c')).toBeNull();
      expect(await store.head('other')).toBeNull();
    });

    it('knows the same rules in other modes', async () => {
      await store.publish([aPolicy('a', 'shadow'), aPolicy('a', 'percent'), aPolicy('b')], ann);
      expect((await store.inOtherModes('fup', 'a-percent')).sort()).toEqual(['a-percent', 'a-shadow']);
      expect(await store.inOtherModes('fup', 'nothing')).toEqual([]);
    });

    it('is settings, one in force', async () => {
      expect(await store.settings()).toBeNull();
      const settings = { ...NO_PROVIDER_SETTINGS, neutrality: true };
      expect(await store.putSettings(settings, ann)).toBe(true);
      expect(await store.putSettings(settings, ann)).toBe(false);
      expect(await store.settings()).toMatchObject({ settings, by: 'ann', source: 'api' });
      expect(await rig.controls()).toEqual([{ kind: 'provider-settings', settings }]);
      await store.putSettings(NO_PROVIDER_SETTINGS, ann);
      await store.putSettings(settings, ann);
      expect(await rig.controls()).toHaveLength(2);
    });
  });
}
