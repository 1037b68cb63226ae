import { AppError } from '../schemas/errors.ts';

/** What could not be bound, and the variables that say where. */
export interface Binding {
  host: string;
  port: number;
  hostVariable: string;
  portVariable: string;
}

/**
 * Translates what `listen` of a server failed with.
 *
 * @returns 'port-in-use' naming the variable to change, 'config-invalid' for an address or port that this machine or
 *   user may not bind, else the error as it is
 */
export function bindError(error: unknown, { host, port, hostVariable, portVariable }: Binding): unknown {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  if (code === 'EADDRINUSE') {
    const message = `port ${port} on ${host} is in use: stop what uses it, or set ${portVariable} to another port`;
    return new AppError('port-in-use', message, { cause: error });
  }
  if (code === 'EACCES') {
    const message = `this user may not listen on port ${port}: set ${portVariable} to a port above 1023`;
    return new AppError('config-invalid', message, { cause: error });
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    const message = `${host} is no address of this machine: set ${hostVariable} to one that is, or to 127.0.0.1`;
    return new AppError('config-invalid', message, { cause: error });
  }
  return error;
}
