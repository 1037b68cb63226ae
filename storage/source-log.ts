/** Where an adapter says what an operator should know. `fields` holds no secret and no payload. */
export type SourceLog = (
  level: 'debug' | 'info' | 'warn' | 'error',
  message: string,
  fields?: Record<string, unknown>,
) => void;
