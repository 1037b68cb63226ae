import { createHash } from 'node:crypto';
import type { Control } from '../../schemas/control.ts';
import { AppError } from '../../schemas/errors.ts';
import type { PolicyVersion } from '../../schemas/policy.ts';
import type { ProviderSettings } from '../../schemas/provider.ts';
import { canonicalJson } from '../canonical-json.ts';
import { headsAfter, headsBefore, sameHeads } from '../policy-heads.ts';
import type {
  Authorship,
  FolderContent,
  PolicyChange,
  PolicyHead,
  PolicyStore,
  StoredPolicyVersion,
  StoredSettings,
  VersionsInForce,
} from '../policy-ports.ts';

interface Policy extends VersionsInForce {
  /** oldest first */
  versions: StoredPolicyVersion[];
  changes: PolicyChange[];
  folderVersion: string | null;
  /** versions that were ever taken from a folder */
  taken: Set<string>;
}

/** Versions of policies in memory, for tests; `controls` and `audit` are what the database would have got. */
export class MemoryPolicyStore implements PolicyStore {
  readonly controls: Control[] = [];
  readonly audit: { who: string; action: string; subject: string }[] = [];
  readonly #policies = new Map<string, Policy>();
  readonly #nowMs: () => number;
  #settings: StoredSettings | null = null;
  #settingsOfFolder: string | null = null;
  readonly #settingsTaken = new Set<string>();

  constructor(nowMs: () => number = Date.now) {
    this.#nowMs = nowMs;
  }

  async draft(policy: PolicyVersion, author: Authorship): Promise<boolean> {
    const added = this.#add(policy, author);
    this.audit.push({ who: author.by, action: 'policy-draft', subject: policy.policyId });
    return added;
  }

  async noteValidated(policyId: string | null, _version: string | null, author: Authorship): Promise<void> {
    this.audit.push({ who: author.by, action: 'policy-validate', subject: policyId ?? '-' });
  }

  async publish(policies: readonly PolicyVersion[], author: Authorship): Promise<PolicyChange[]> {
    const changes = this.#publishAll(policies, author);
    for (const { policyId } of policies)
      if (!changes.some((change) => change.policyId === policyId))
        this.audit.push({ who: author.by, action: 'policy-publish', subject: policyId });
    return changes;
  }

  #publishAll(policies: readonly PolicyVersion[], author: Authorship): PolicyChange[] {
    return policies.flatMap((policy) => {
      this.#add(policy, author);
      const stored = this.#policy(policy.policyId);
      const next = headsAfter(stored, policy);
      return sameHeads(stored, next)
        ? []
        : [this.#change('publish', policy.policyId, stored, next, policy, author)];
    });
  }

  async takeFolder(
    { settings, policies }: FolderContent,
    author: Authorship,
    changed: ReadonlySet<string> = new Set(),
  ): Promise<{ changes: PolicyChange[]; settings: boolean }> {
    let taken = false;
    if (settings !== null && this.#isNews(settings, changed)) {
      taken = this.#setSettings(settings, author);
      this.#settingsOfFolder = versionOf(settings);
      this.#settingsTaken.add(versionOf(settings));
    }
    const ids = await this.untaken(policies, changed);
    const news = policies.filter(({ policyId }) => ids.includes(policyId));
    const changes = this.#publishAll(news, author);
    for (const { policyId, version } of news) this.#policy(policyId).taken.add(version);
    for (const { policyId, version } of news) this.#policy(policyId).folderVersion = version;
    return { changes, settings: taken };
  }

  async untaken(
    policies: readonly PolicyVersion[],
    changed: ReadonlySet<string> = new Set(),
  ): Promise<string[]> {
    const news = policies.filter(({ policyId, version }) => {
      const known = this.#policies.get(policyId);
      return known?.taken.has(version) !== true || (changed.has(policyId) && known.folderVersion !== version);
    });
    return news.map(({ policyId }) => policyId);
  }

  #isNews(settings: ProviderSettings, changed: ReadonlySet<string>): boolean {
    const version = versionOf(settings);
    if (!this.#settingsTaken.has(version)) return true;
    return changed.has('provider.json') && this.#settingsOfFolder !== version;
  }

  async rollback(policyId: string, author: Authorship): Promise<PolicyChange> {
    const policy = this.#policy(policyId);
    const next = headsBefore(policy, policy.changes);
    if (next === null)
      throw new AppError('conflict', `policy ${policyId} has nothing before it to go back to`);
    const content = policy.versions.find(({ version }) => version === next.base) ?? null;
    return this.#change('rollback', policyId, policy, next, content, author);
  }

  async withdraw(policyId: string, author: Authorship): Promise<PolicyChange | null> {
    const policy = this.#policy(policyId);
    const nothing = { base: null, candidate: null };
    if (sameHeads(policy, nothing)) {
      this.audit.push({ who: author.by, action: 'policy-withdraw', subject: policyId });
      return null;
    }
    return this.#change('withdraw', policyId, policy, nothing, null, author);
  }

  async heads(): Promise<PolicyHead[]> {
    const heads = await Promise.all([...this.#policies.keys()].sort().map((id) => this.head(id)));
    return heads.filter((head) => head !== null);
  }

  async head(policyId: string): Promise<PolicyHead | null> {
    const policy = this.#policies.get(policyId);
    const newest = policy?.versions.at(-1);
    if (policy === undefined || newest === undefined) return null;
    const { base, candidate, folderVersion } = policy;
    return {
      policyId,
      base: inForce(policy, base, (change) => change.base),
      candidate: inForce(policy, candidate, (change) => change.candidate),
      newest,
      folderVersion,
    };
  }

  async versions(policyId: string, limit: number): Promise<StoredPolicyVersion[]> {
    return [...(this.#policies.get(policyId)?.versions ?? [])].reverse().slice(0, limit);
  }

  async version(policyId: string, version: string): Promise<StoredPolicyVersion | null> {
    return this.#policies.get(policyId)?.versions.find((each) => each.version === version) ?? null;
  }

  async inOtherModes(policyId: string, version: string): Promise<string[]> {
    const versions = this.#policies.get(policyId)?.versions ?? [];
    const one = versions.find((each) => each.version === version);
    if (one === undefined) return [];
    return versions.filter((each) => bodyOf(each) === bodyOf(one)).map((each) => each.version);
  }

  async changes(policyId: string, limit: number): Promise<PolicyChange[]> {
    return [...(this.#policies.get(policyId)?.changes ?? [])].reverse().slice(0, limit);
  }

  async settings(): Promise<StoredSettings | null> {
    return this.#settings;
  }

  async putSettings(settings: ProviderSettings, author: Authorship): Promise<boolean> {
    const changed = this.#setSettings(settings, author);
    if (!changed)
      this.audit.push({ who: author.by, action: 'provider-settings', subject: versionOf(settings) });
    return changed;
  }

  #setSettings(settings: ProviderSettings, author: Authorship): boolean {
    const version = versionOf(settings);
    if (this.#settings?.version === version) return false;
    this.#settings = { version, settings, publishedAtMs: this.#nowMs(), ...author };
    this.controls.push({ kind: 'provider-settings', settings });
    this.audit.push({ who: author.by, action: 'provider-settings', subject: version });
    return true;
  }

  #policy(policyId: string): Policy {
    const policy = this.#policies.get(policyId);
    if (policy === undefined) throw new AppError('not-found', `no policy ${policyId} was ever published`);
    return policy;
  }

  #add({ policyId, version, file }: PolicyVersion, author: Authorship): boolean {
    let policy = this.#policies.get(policyId);
    if (policy === undefined) {
      policy = {
        base: null,
        candidate: null,
        versions: [],
        changes: [],
        folderVersion: null,
        taken: new Set(),
      };
      this.#policies.set(policyId, policy);
    }
    const known = policy.versions.find((each) => each.version === version);
    if (known === undefined) {
      policy.versions.push({ policyId, version, file, storedAtMs: this.#nowMs(), ...author });
      return true;
    }
    if (canonicalJson(known.file) === canonicalJson(file)) return false;
    throw new AppError('conflict', `version ${version} of policy ${policyId} is stored with other content`);
  }

  #change(
    kind: PolicyChange['kind'],
    policyId: string,
    policy: Policy,
    next: VersionsInForce,
    content: PolicyVersion | null,
    author: Authorship,
  ): PolicyChange {
    const change: PolicyChange = { policyId, kind, ...next, atMs: this.#nowMs(), ...author };
    policy.changes.push(change);
    Object.assign(policy, next);
    this.controls.push(
      content === null
        ? { kind: 'policy-withdrawn', policyId }
        : { kind: 'policy-version', policy: { policyId, version: content.version, file: content.file } },
    );
    this.audit.push({ who: author.by, action: `policy-${kind}`, subject: policyId });
    return change;
  }
}

function inForce(
  { versions, changes }: Policy,
  name: string | null,
  of: (change: PolicyChange) => string | null,
): PolicyHead['base'] {
  const version = versions.find((each) => each.version === name);
  if (version === undefined) return null;
  // The change by which it came, not one that left it in force.
  const before = changes.findLastIndex((change) => of(change) !== name);
  const change = changes[before + 1];
  return change === undefined ? null : { version, change };
}

function bodyOf({ file }: PolicyVersion): string {
  const { mode: _mode, percent: _percent, ...body } = file;
  return canonicalJson(body);
}

function versionOf(settings: ProviderSettings): string {
  return createHash('sha256').update(canonicalJson(settings)).digest('hex');
}
