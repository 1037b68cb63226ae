import type { ActionView } from '../../schemas/views.ts';
import type { LedgerAction } from '../../storage/ports.ts';

/** An action of the ledger as the API shows it. */
export function actionView(action: LedgerAction): ActionView {
  const { intent, state, detail, attempts } = action;
  return {
    id: intent.id,
    kind: intent.kind,
    subscriberId: intent.subscriberId,
    policyId: intent.policyId,
    policyVersion: intent.policyVersion,
    rule: intent.rule,
    state,
    detail,
    attempts,
    desired: intent.desired,
    decidedAt: new Date(intent.decidedAtMs).toISOString(),
    updatedAt: new Date(action.updatedAtMs).toISOString(),
    explanation: intent.explanation,
  };
}
