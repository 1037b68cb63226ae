import type { PolicyVersion } from '../../schemas/policy.ts';
import type { PartitionPolicies, PoliciesOfSlot, PolicyReports } from '../../storage/policy-ports.ts';
import { policyWaits } from '../fold/waits-for-layout.ts';

/** Unchanged versions are told again this often, ms; older reports count as gone. */
const REPORT_MS = 30_000;

/** What of a slot a report needs. */
export interface ReportedSlot {
  partition: number;
  position: number;
  /** layout that it is written in */
  blobVersion: number;
  policies: ReadonlyMap<string, PolicyVersion>;
  candidates: ReadonlyMap<string, PolicyVersion>;
}

/** Versions in force, slot by slot, by partition. */
export function policiesOf(slots: readonly ReportedSlot[]): PartitionPolicies[] {
  return [...slots].sort((a, b) => a.partition - b.partition).map(policiesOfSlot);
}

function policiesOfSlot(slot: ReportedSlot): PartitionPolicies {
  const { partition, position, blobVersion, policies, candidates } = slot;
  const ids = [...new Set([...policies.keys(), ...candidates.keys()])].sort();
  const versions = ids.map((id): [string, PoliciesOfSlot] => {
    const [base, candidate] = [policies.get(id), candidates.get(id)];
    const running = { base: base?.version ?? null, candidate: candidate?.version ?? null };
    const waits = policyWaits(base, blobVersion) || policyWaits(candidate, blobVersion);
    return [id, waits ? { ...running, waits } : running];
  });
  return { partition, position, layout: blobVersion, policies: Object.fromEntries(versions) };
}

/** Tells which versions this process's slots run, and in which layout they are written: at once when they change, else every 30 s. */
export class PolicyReporter {
  readonly #reports: Pick<PolicyReports, 'report'>;
  readonly #reporter: string;
  readonly #slots: () => readonly ReportedSlot[];
  readonly #nowMs: () => number;
  #told = '';
  #toldMs = -Infinity;

  /** @param reporter names this process among all */
  constructor(
    reports: Pick<PolicyReports, 'report'>,
    reporter: string,
    slots: () => readonly ReportedSlot[],
    nowMs: () => number,
  ) {
    this.#reports = reports;
    this.#reporter = reporter;
    this.#slots = slots;
    this.#nowMs = nowMs;
  }

  /** Cheap where nothing is to be told. A report that fails is tried with the next call. */
  async beat(): Promise<void> {
    const found = policiesOf(this.#slots());
    // Without the positions, which change with every batch.
    const versions = JSON.stringify(
      found.map(({ partition, layout, policies }) => [partition, layout, policies]),
    );
    if (versions === this.#told && this.#nowMs() - this.#toldMs < REPORT_MS) return;
    await this.#reports.report(this.#reporter, found);
    this.#told = versions;
    this.#toldMs = this.#nowMs();
  }

  /** Nothing runs here any more. */
  async end(): Promise<void> {
    await this.#reports.report(this.#reporter, []);
  }
}
