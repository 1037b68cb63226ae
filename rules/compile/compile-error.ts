import { AppError } from '../../schemas/errors.ts';

/**
 * Why a condition is not compiled:
 * - `malformed`: no condition of json-rules-engine, or a key that conditions do not have
 * - `unknown-fact`: not in the catalogue
 * - `unknown-operator`: nor a known operator behind known decorators
 * - `missing-condition`, `circular-condition`: a name that nothing is defined by, or that leads back to itself
 * - `path`: outside the safe grammar, or to what the fact does not have
 * - `would-throw`: json-rules-engine could throw on it while it runs
 * - `too-large`: more conditions, levels or decorators than are evaluated
 */
export type CompileFault =
  | 'malformed'
  | 'unknown-fact'
  | 'unknown-operator'
  | 'missing-condition'
  | 'circular-condition'
  | 'path'
  | 'would-throw'
  | 'too-large';

/**
 * A policy that is not compiled. `place` is a JSON path into what was given, `reason` one line that says what to change.
 * Code `invalid-input`: nothing changes until the policy does.
 */
export class PolicyCompileError extends AppError {
  readonly fault: CompileFault;
  readonly place: string;
  readonly reason: string;

  constructor(fault: CompileFault, place: string, reason: string) {
    super('invalid-input', `${place}: ${reason}`);
    this.name = 'PolicyCompileError';
    this.fault = fault;
    this.place = place;
    this.reason = reason;
  }
}
