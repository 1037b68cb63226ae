import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { watch } from 'chokidar';
import type { FSWatcher } from 'chokidar';
import type { Logger } from 'pino';
import { PROVIDER_FILE } from '../../rules/lint/lint-folder.ts';
import type { PolicyVersion } from '../../schemas/policy.ts';
import { canonicalJson } from '../../storage/canonical-json.ts';
import type {
  Authorship,
  FolderReport,
  PolicyHead,
  PolicyReports,
  PolicyStore,
  RefusedFile,
} from '../../storage/policy-ports.ts';
import { every } from '../schedule/every.ts';
import type { CheckContext, CheckedFiles, PolicyTexts } from './check-files.ts';
import { sortFiles, verdictOf } from './check-folder.ts';
import type { FolderVerdict } from './check-folder.ts';
import { FOLDER_ITSELF, lookAt, readFolder, sameLook } from './read-folder.ts';
import type { FolderLook } from './read-folder.ts';

/** After the last event: editors write, rename and touch in a row. */
const DEBOUNCE_MS = 300;
/** Longest wait for the watch to be set up; it takes some ms. */
const READY_MS = 2_000;
/** Where no events come (network file systems, mounted config maps) the folder is looked at this often. */
const LOOK_MS = 5_000;
/** What it holds is told again, and what was refused is looked at again: plans and settings may have changed. */
const REPORT_MS = 30_000;
/** Times a folder that is being written is looked at in a row before the next regular look. */
const MAX_LOOKS = 20;

const AUTHOR: Authorship = { by: 'folder', source: 'folder', comment: '' };

/** What a policies folder works with. */
export interface PolicyFolderParts {
  folder: string;
  /** names this process among those that report */
  reporter: string;
  store: PolicyStore;
  reports: Pick<PolicyReports, 'reportFolder'>;
  /** checks texts; bounded in time */
  check(texts: PolicyTexts, context: CheckContext): Promise<CheckedFiles>;
  context(): Promise<CheckContext>;
  /** why this version may not come into force without somebody's yes; null = it may */
  question(policy: PolicyVersion): Promise<string | null>;
  log: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** called with the number of refused files */
  onFaults(files: number): void;
}

/**
 * Publishes what a folder holds, at start and whenever it changes: read whole, checked, tested, taken in one transaction.
 * What is wrong is not published, what was in force stays, and report, metric and log say so. A file that is gone leaves
 * its policy in force. Several processes with one folder, or with different ones, do no harm: each content is taken once, and
 * an older one again only by a process that saw the file change to it.
 */
export class PolicyFolder {
  readonly #parts: PolicyFolderParts;
  #watcher: FSWatcher | null = null;
  #end: () => Promise<void> = () => Promise.resolve();
  #debounce: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #taken: FolderLook | null = null;
  #report: FolderReport | null = null;
  #reportedMs = 0;
  /** content by policy id or PROVIDER_FILE at the last look: a file that this process saw change was changed by somebody */
  #seen = new Map<string, string>();
  /** what was said of it, so that it is said once */
  #said = '';

  constructor(parts: PolicyFolderParts) {
    this.#parts = parts;
  }

  /** Resolves when the folder was taken once; it is watched from before that on. Throws what the store throws. */
  async start(): Promise<void> {
    const again = (): void => {
      clearTimeout(this.#debounce);
      this.#debounce = setTimeout(() => void this.#next(), DEBOUNCE_MS);
    };
    const { folder, log } = this.#parts;
    const watcher = watch(folder, { ignoreInitial: true, depth: 0 })
      .on('all', again)
      .on('error', (error) => {
        // Looks at regular times go on.
        log.warn({ err: error, folder }, 'the policies folder cannot be watched');
      });
    this.#watcher = watcher;
    // What changes before the watch is set up shows no event; where it cannot be set up the regular looks do without.
    // Not events.once, which would throw what one file's error event says.
    const ready = new Promise<void>((resolve) => watcher.once('ready', () => resolve()));
    await Promise.race([ready, delay(READY_MS, undefined, { ref: false })]);
    await this.#take();
    this.#end = every(
      LOOK_MS,
      () => this.#beat(),
      (error) => this.#failed(error),
    );
  }

  /** Resolves when nothing is in hand any more. Idempotent. */
  async stop(): Promise<void> {
    clearTimeout(this.#debounce);
    await this.#watcher?.close();
    await this.#end();
    await this.#running;
  }

  async #beat(): Promise<void> {
    const look = await lookAt(this.#parts.folder);
    const isDue = Date.now() - this.#reportedMs >= REPORT_MS;
    const isNew = this.#taken === null || !sameLook(look, this.#taken);
    if (isNew || (isDue && this.#report?.refused.length !== 0)) return this.#next();
    if (isDue && this.#report !== null) await this.#tell(this.#report);
  }

  /** One after the other; a failure is logged, and the next look tries again. */
  #next(): Promise<void> {
    this.#running = this.#running.then(() => this.#take()).catch((error: unknown) => this.#failed(error));
    return this.#running;
  }

  #failed(error: unknown): void {
    this.#taken = null;
    const { log, folder } = this.#parts;
    log.warn({ err: error, folder }, 'the policies folder could not be taken; it is tried again');
  }

  async #take(): Promise<void> {
    const { folder, store, check, context } = this.#parts;
    let found = await readFolder(folder);
    for (let looks = 1; found.unsettled.length > 0 && looks < MAX_LOOKS; looks += 1)
      found = await readFolder(folder);
    const waiting = [...found.unsettled, ...found.unreadable.keys()];
    const { texts, refused } = sortFiles({ ...found, unsettled: waiting });
    const checked = await check(texts, await context());
    const unreadable = [...found.unreadable].map(([name, code]) => this.#unreadable(name, code));
    const verdict = verdictOf(checked, [...refused, ...unreadable], found.look.size);
    const seen = contentsOf(verdict);
    const changed = new Set(
      [...seen].filter(([of, is]) => (this.#seen.get(of) ?? is) !== is).map(([of]) => of),
    );
    await this.#askFirst(verdict, checked, changed);
    const { changes, settings } = await store.takeFolder(verdict, AUTHOR, changed);
    for (const of of contentsOf(verdict).keys()) this.#seen.set(of, seen.get(of) ?? '');
    // What is still being written is looked at anew the next time.
    this.#taken = found.unsettled.length === 0 ? found.look : null;
    for (const { policyId, base, candidate } of changes)
      this.#parts.log.info({ policyId, base, candidate }, 'policy published from the folder');
    if (settings) this.#parts.log.info({ folder }, 'provider settings published from the folder');
    await this.#say(verdict);
    await this.#tell({ folder, files: verdict.files, refused: verdict.refused });
  }

  #unreadable(name: string, code: string): RefusedFile {
    const file = name === FOLDER_ITSELF ? this.#parts.folder : name;
    return { file, policyId: null, faults: [`${file}: cannot be read: ${code}`] };
  }

  /** What would act on more subscribers at once than may be without a yes is refused. */
  async #askFirst(
    verdict: FolderVerdict,
    { policies }: CheckedFiles,
    changed: ReadonlySet<string>,
  ): Promise<void> {
    const { store, question, folder } = this.#parts;
    const news = new Set(await store.untaken(verdict.policies, changed));
    for (const policy of verdict.policies.filter(({ policyId }) => news.has(policyId))) {
      const { policyId } = policy;
      const asked = await question(policy);
      if (asked === null) continue;
      const name = policies.find(({ file }) => file?.id === policyId)?.name ?? policyId;
      const yes = `weir policy publish ${join(folder, name)} --yes`;
      verdict.policies = verdict.policies.filter((each) => each !== policy);
      verdict.refused.push({ file: name, policyId, faults: [`${name}:1:1: ${asked}: ${yes}`] });
    }
  }

  async #say(verdict: FolderVerdict): Promise<void> {
    const { log, folder, store, onFaults } = this.#parts;
    const { refused, warnings, policies } = verdict;
    onFaults(refused.length);
    const heads = await store.heads();
    const known = new Set([
      ...policies.map(({ policyId }) => policyId),
      ...refused.map(({ policyId }) => policyId),
    ]);
    const inForce = heads.filter(({ base, candidate }) => (base ?? candidate) !== null);
    const others = inForce.map(({ policyId }) => policyId).filter((policyId) => !known.has(policyId));
    const left = policies
      .filter(
        ({ policyId, version }) =>
          !heads.some((head) => head.policyId === policyId && isInForce(head, version)),
      )
      .map(({ policyId }) => policyId);
    const said = JSON.stringify([refused, warnings, others, left, inForce.length === 0]);
    if (said === this.#said) return;
    this.#said = said;
    for (const { file, faults } of refused)
      log.error({ file, faults }, 'policy file refused: what was in force stays');
    if (warnings.length > 0) log.warn({ warnings }, 'policy files with doubtful parts');
    if (left.length > 0)
      log.warn({ policies: left, folder }, 'policies whose files were taken before and are not in force');
    // Not withdrawn: a folder that was not mounted would restore every subscriber at once.
    if (others.length > 0)
      log.warn({ policies: others, folder }, 'policies in force that are not in the folder');
    else if (inForce.length === 0)
      log.warn({ folder }, 'no policy is in force: usage is metered, nothing is throttled');
  }

  async #tell(report: FolderReport): Promise<void> {
    this.#report = report;
    await this.#parts.reports.reportFolder(this.#parts.reporter, report);
    this.#reportedMs = Date.now();
  }
}

function isInForce({ base, candidate }: PolicyHead, version: string): boolean {
  return base?.version.version === version || candidate?.version.version === version;
}

function contentsOf({ policies, settings }: FolderVerdict): Map<string, string> {
  const contents = new Map(policies.map(({ policyId, version }) => [policyId, version]));
  return settings === null ? contents : contents.set(PROVIDER_FILE, canonicalJson(settings));
}
