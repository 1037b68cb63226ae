import { isAppError } from '../../schemas/errors.ts';

/**
 * Makes one change as the billing system has it; null where the store refuses it, and `refused` is told why.
 *
 * @throws what the store cannot answer
 */
export async function settled<T>(
  change: () => Promise<T>,
  refused: (detail: string) => void,
): Promise<T | null> {
  try {
    return await change();
  } catch (error) {
    if (!isAppError(error, 'conflict', 'precondition-failed', 'not-found', 'invalid-input')) throw error;
    refused(error.message);
    return null;
  }
}
