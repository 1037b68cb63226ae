import type { Analytics } from '../../storage/analytics-ports.ts';
import type { ActionLedger, ActionSink, LogWriter, SlotMarks, StateStore } from '../../storage/ports.ts';
import type { Caller, Network, Server } from './network.ts';

/** The ports of one process: every call goes through the network. */
export interface PortsOfProcess {
  store: StateStore;
  marks: SlotMarks;
  ledger: ActionLedger;
  analytics: Pick<Analytics, 'insert'>;
  writer: LogWriter;
  sink: ActionSink;
}

type Method = (...args: never[]) => Promise<unknown>;

/** A call that a server has done, whether or not its caller hears of it. */
export interface DoneCall {
  /** e.g. `store.commit` */
  name: string;
  args: readonly unknown[];
  result: unknown;
  /** step at which it was sent */
  sentAt: number;
  /** nobody waits for the answer any more */
  isStray: boolean;
}

/**
 * Puts a network between a process and the servers' adapters.
 * @param targets the adapters themselves
 * @param done is told each call that had its effect, at that moment
 */
export function portsOver(
  network: Network,
  caller: Caller,
  targets: PortsOfProcess,
  done: (call: DoneCall) => void,
): PortsOfProcess {
  const { store, marks, ledger, analytics, writer, sink } = targets;
  const through =
    <T extends object>(server: Server, target: T) =>
    <K extends keyof T & string>(name: K): T[K] => {
      const method = target[name] as Method;
      const called = (...args: never[]): Promise<unknown> => {
        const sentAt = network.step;
        return network.call(caller, server, `${server}.${name}`, async () => {
          const result = await method.apply(target, args);
          done({ name: `${server}.${name}`, args, result, sentAt, isStray: network.isStray });
          return result;
        });
      };
      return called as T[K];
    };
  /** A list that comes in chunks is one message. */
  const listed = <Args extends unknown[], T>(name: string, list: (...args: Args) => AsyncIterable<T>) =>
    async function* (...args: Args): AsyncGenerator<T> {
      const all = async (): Promise<T[]> => {
        const chunks: T[] = [];
        for await (const chunk of list(...args)) chunks.push(chunk);
        return chunks;
      };
      yield* await network.call(caller, 'store', `store.${name}`, all);
    };
  const ofStore = through('store', store);
  const ofLedger = through('ledger', ledger);
  const ofMarks = through('marks', marks);
  return {
    store: {
      verify: ofStore('verify'),
      acquire: ofStore('acquire'),
      holds: ofStore('holds'),
      loadValues: listed('loadValues', (slot) => store.loadValues(slot)),
      readValues: ofStore('readValues'),
      readBuckets: ofStore('readBuckets'),
      readRows: ofStore('readRows'),
      readHead: ofStore('readHead'),
      loadRows: listed('loadRows', (...args: Parameters<StateStore['loadRows']>) => store.loadRows(...args)),
      readOutbox: ofStore('readOutbox'),
      loadDue: ofStore('loadDue'),
      commit: ofStore('commit'),
      clear: ofStore('clear'),
      removeOutbox: ofStore('removeOutbox'),
      close: ofStore('close'),
    },
    marks: { raise: ofMarks('raise'), read: ofMarks('read') },
    ledger: {
      insert: ofLedger('insert'),
      claim: ofLedger('claim'),
      settle: ofLedger('settle'),
      counts: ofLedger('counts'),
      unexported: ofLedger('unexported'),
      markExported: ofLedger('markExported'),
      ofSubscriber: ofLedger('ofSubscriber'),
      recent: ofLedger('recent'),
    },
    analytics: { insert: through('analytics', analytics)('insert') },
    writer: {
      partitionCount: () => writer.partitionCount(),
      append: through('log', writer)('append'),
      close: () => writer.close(),
    },
    sink: { name: sink.name, send: through('sink', sink)('send'), close: () => sink.close() },
  };
}
