import { PROVIDER_FILE } from '../../rules/lint/lint-folder.ts';
import { AppError } from '../../schemas/errors.ts';
import type { PolicyFile, PolicyVersion } from '../../schemas/policy.ts';
import { NO_PROVIDER_SETTINGS } from '../../schemas/provider.ts';
import type { ProviderSettings } from '../../schemas/provider.ts';
import type {
  PolicyFindingView,
  PolicyCheckView,
  PolicyContentView,
  PolicyDetailView,
  PolicyDraftView,
  PolicyListView,
  PolicyPublishedView,
  ProviderSettingsView,
  ShadowReportView,
} from '../../schemas/policy-views.ts';
import type {
  Authorship,
  PolicyChange,
  PolicyHead,
  PolicyReports,
  PolicyStore,
  ShadowDecisions,
} from '../../storage/policy-ports.ts';
import { findingText } from './check-files.ts';
import type { CheckContext, CheckedPolicy } from './check-files.ts';
import { stillAsked } from './check-queue.ts';
import type { Check } from './check-queue.ts';
import { inMode, policyVersion } from './policy-version.ts';
import {
  changeView,
  contentView,
  instant,
  policyView,
  refusedOf,
  shadowReportView,
  versionView,
} from './policy-views.ts';
import { actsOnAtOnce, shadowOfRules } from './publish-guard.ts';
import type { VersionInShadow } from './shadow-period.ts';

/** Versions and changes that one answer shows. */
const MAX_HISTORY = 200;
/** Subscribers of each sort that a shadow report shows. */
const SAMPLES = 5;
/** Files as the findings of what came by the API name them. */
const POLICY_NAME = 'policy.json';
const TESTS_NAME = 'policy.test.json';

/** A policy as text, with its tests. */
export interface GivenPolicy {
  policy: string;
  tests: string | null;
}

/** What is to be published, and how. Null leaves it as the version has it. */
export interface PublishRequest {
  id: string;
  version: string;
  mode: PolicyFile['mode'] | null;
  percent: number | null;
  /** whoever asks knows on how many subscribers it acts */
  confirm: boolean;
}

/** Versions with the rules of the newest that was in shadow, and when. */
interface Shadow {
  versions: string[];
  period: VersionInShadow;
}

/** What the life of policies needs. */
export interface PolicyLifeParts {
  store: PolicyStore;
  reports: Pick<PolicyReports, 'partitions' | 'folders'>;
  shadows: ShadowDecisions;
  /** bounded in time; may throw TooManyChecks */
  check: Check;
  context(): Promise<CheckContext>;
  subscribers(): Promise<number>;
  partitionCount(): Promise<number>;
  /** percent of all subscribers; acting on more at once has to be confirmed */
  confirmPercent: number;
}

/** What people do with policies: check, keep, publish, roll back, withdraw, look. Errors: AppErrors as the ports'. */
export class PolicyLife {
  readonly #parts: PolicyLifeParts;

  constructor(parts: PolicyLifeParts) {
    this.#parts = parts;
  }

  /** Lint and tests; nothing is stored but that somebody asked. */
  async validate(given: GivenPolicy, author: Authorship, signal?: AbortSignal): Promise<PolicyCheckView> {
    const { id, file, findings, tests } = await this.#check(given, signal);
    const version = file === null ? null : policyVersion(file);
    const ok = version !== null;
    await this.#parts.store.noteValidated(id, version?.version ?? null, author);
    return { ok, id: version?.policyId ?? null, version: version?.version ?? null, findings, tests };
  }

  /** Keeps a policy that is right. @throws AppError 'invalid-input' with what is wrong */
  async draft(given: GivenPolicy, author: Authorship, signal?: AbortSignal): Promise<PolicyDraftView> {
    const { file, findings } = await this.#check(given, signal);
    if (file === null) throw refusal(findings);
    stillAsked(signal);
    const policy = policyVersion(file);
    const stored = await this.#parts.store.draft(policy, author);
    return { id: policy.policyId, version: policy.version, stored, findings };
  }

  /**
   * Brings a stored version into force, as it is or in another mode.
   * @param signal whoever asked waits no longer: nothing is changed then
   * @throws AppError 'not-found'; 'invalid-input' where it is not right any more; 'timeout'; ConfirmationNeeded; TooManyChecks
   */
  async publish(
    request: PublishRequest,
    author: Authorship,
    signal?: AbortSignal,
  ): Promise<PolicyPublishedView> {
    const { store } = this.#parts;
    const stored = await store.version(request.id, request.version);
    if (stored === null)
      throw new AppError('not-found', `policy ${request.id} has no version ${request.version}`);
    const policy =
      request.mode === null ? stored : policyVersion(inMode(stored.file, request.mode, request.percent));
    await this.#checkAgain(policy, signal);
    const subscribers = await this.#parts.subscribers();
    const actsOn = await this.#guard(policy, request.confirm, subscribers);
    const { policyId, version, file } = policy;
    stillAsked(signal);
    const [change] = await store.publish([{ policyId, version, file }], author);
    return this.#published(request.id, change ?? null, actsOn, subscribers);
  }

  /** @throws AppError 'not-found', 'conflict' as the store */
  async rollback(id: string, author: Authorship): Promise<PolicyPublishedView> {
    const change = await this.#parts.store.rollback(id, author);
    return this.#published(id, change, null, await this.#parts.subscribers());
  }

  /** @throws AppError 'not-found' as the store */
  async withdraw(id: string, author: Authorship): Promise<PolicyPublishedView> {
    const change = await this.#parts.store.withdraw(id, author);
    return this.#published(id, change, null, await this.#parts.subscribers());
  }

  async list(): Promise<PolicyListView> {
    const { store, reports } = this.#parts;
    const [heads, partitions, folders, partitionCount] = await Promise.all([
      store.heads(),
      reports.partitions(),
      reports.folders(),
      this.#parts.partitionCount(),
    ]);
    const refused = refusedOf(folders);
    return {
      policies: heads.map((head) => policyView(head, partitions, refused)),
      partitions: partitionCount,
      reporting: partitions.length,
      refused: refused.map(({ file, policyId, faults }) => ({ file, id: policyId, faults })),
    };
  }

  /** null = no such policy */
  async show(id: string): Promise<PolicyDetailView | null> {
    const { store, reports } = this.#parts;
    const head = await store.head(id);
    if (head === null) return null;
    const [partitions, folders, ofPartitions, versions, changes] = await Promise.all([
      reports.partitions(),
      reports.folders(),
      this.#parts.partitionCount(),
      store.versions(id, MAX_HISTORY),
      store.changes(id, MAX_HISTORY),
    ]);
    return {
      ...policyView(head, partitions, refusedOf(folders)),
      ofPartitions,
      versions: versions.map(versionView),
      changes: changes.map(changeView),
    };
  }

  /** null = no such version */
  async version(id: string, version: string): Promise<PolicyContentView | null> {
    const stored = await this.#parts.store.version(id, version);
    return stored === null ? null : contentView(stored);
  }

  /**
   * What the candidate decided in shadow beside what the same policy did live, null = no such policy.
   * @param sinceMs null = since the candidate is in shadow; not before the policy is without a break
   * @throws AppError 'conflict' where no version was in shadow
   */
  async shadowReport(id: string, sinceMs: number | null): Promise<ShadowReportView | null> {
    const { store, shadows } = this.#parts;
    const head = await store.head(id);
    if (head === null) return null;
    const shadow = await this.#shadowOf(head);
    if (shadow === null) throw new AppError('conflict', `policy ${id} is not in shadow and was not`);
    const { versions, period } = shadow;
    const from = Math.max(sinceMs ?? period.sinceMs, period.beganMs);
    return shadowReportView(id, versions, from, await shadows.compare(id, period, from, SAMPLES));
  }

  async settings(): Promise<ProviderSettingsView> {
    const stored = await this.#parts.store.settings();
    if (stored === null)
      return {
        version: null,
        publishedAt: null,
        settings: NO_PROVIDER_SETTINGS,
        by: null,
        source: null,
        comment: '',
      };
    const { version, publishedAtMs, settings, by, source, comment } = stored;
    return { version, publishedAt: instant(publishedAtMs), settings, by, source, comment };
  }

  /** @throws AppError 'invalid-input' with what is wrong */
  async putSettings(
    settings: ProviderSettings,
    author: Authorship,
    signal?: AbortSignal,
  ): Promise<ProviderSettingsView> {
    const provider = { name: PROVIDER_FILE, bytes: Buffer.from(JSON.stringify(settings, null, 2)) };
    const { check, context } = this.#parts;
    const checked = await check({ policies: [], provider }, await context(), signal);
    if (checked.settings === null) throw refusal(checked.providerFindings);
    stillAsked(signal);
    await this.#parts.store.putSettings(checked.settings, author);
    return this.settings();
  }

  async #check({ policy, tests }: GivenPolicy, signal: AbortSignal | undefined): Promise<CheckedPolicy> {
    const one = {
      file: { name: POLICY_NAME, bytes: Buffer.from(policy) },
      tests: tests === null ? null : { name: TESTS_NAME, bytes: Buffer.from(tests) },
    };
    const { check, context } = this.#parts;
    const read = await check({ policies: [one], provider: null }, await context(), signal);
    const [checked] = read.policies;
    if (checked === undefined) throw new Error('a policy was given and none was checked');
    return checked;
  }

  /** What it was checked against may have changed. */
  async #checkAgain({ file }: PolicyVersion, signal: AbortSignal | undefined): Promise<void> {
    const checked = await this.#check({ policy: JSON.stringify(file, null, 2), tests: null }, signal);
    if (checked.file === null) throw refusal(checked.findings);
  }

  /** Subscribers that it acts on at once; null where nobody knows. */
  async #guard(policy: PolicyVersion, isConfirmed: boolean, subscribers: number): Promise<number | null> {
    const { actsOn, question } = await actsOnAtOnce(this.#parts, policy, subscribers);
    if (question === null || isConfirmed) return actsOn;
    throw new ConfirmationNeeded(`${question}: confirm it (confirm: true; weir: --yes)`);
  }

  /** The newest version that is or was in shadow, and those with the same rules. */
  async #shadowOf({ policyId, candidate }: PolicyHead): Promise<Shadow | null> {
    const { store } = this.#parts;
    let newest = candidate?.version.file.mode === 'shadow' ? candidate.version : undefined;
    if (newest === undefined) {
      const versions = await store.versions(policyId, MAX_HISTORY);
      const shadows = new Map(
        versions.filter(({ file }) => file.mode === 'shadow').map((each) => [each.version, each]),
      );
      const changes = await store.changes(policyId, MAX_HISTORY);
      const last = changes.find((change) => shadows.has(change.candidate ?? ''));
      newest = shadows.get(last?.candidate ?? '');
    }
    if (newest === undefined) return null;
    const period = await shadowOfRules(store, policyId, newest.file);
    if (period === null) return null;
    return { versions: await store.inOtherModes(policyId, newest.version), period };
  }

  async #published(
    id: string,
    change: PolicyChange | null,
    actsOn: number | null,
    subscribers: number,
  ): Promise<PolicyPublishedView> {
    const head = change ?? (await this.#headOf(id));
    return { id, changed: change !== null, base: head.base, candidate: head.candidate, actsOn, subscribers };
  }

  async #headOf(id: string): Promise<{ base: string | null; candidate: string | null }> {
    const head = await this.#parts.store.head(id);
    return {
      base: head?.base?.version.version ?? null,
      candidate: head?.candidate?.version.version ?? null,
    };
  }
}

/** Acts on so many subscribers at once that whoever asks has to say that he knows. */
export class ConfirmationNeeded extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ConfirmationNeeded';
  }
}

function refusal(findings: readonly PolicyFindingView[]): AppError {
  const errors = findings.filter(({ severity }) => severity === 'error');
  const more = errors.length > 3 ? `; and ${errors.length - 3} more` : '';
  return new AppError('invalid-input', `${errors.slice(0, 3).map(findingText).join('; ')}${more}`);
}
