import type { LogStore } from '../../storage/log-store.ts';
import type { LogEntry } from '../../storage/ports.ts';
import type { LogReader } from '../../verify/readers.ts';

const ENTRIES_A_READ = 2000;

/** The embedded log, read from its store, partition by partition. `group` names nobody: positions are not touched. */
export function logStoreReader(
  store: Pick<LogStore, 'partitionCount' | 'marks' | 'read'>,
  group: string,
): LogReader {
  return {
    marks: async () => {
      const marks = new Map<number, { low: number; high: number }>();
      const count = await store.partitionCount();
      for (let partition = 0; partition < count; partition += 1)
        marks.set(partition, await store.marks(partition, group));
      return marks;
    },
    read: async function* (ranges) {
      for (const [partition, { from, to }] of ranges) {
        for (let next = from; next < to;) {
          const read: LogEntry[] = await store.read(partition, next, Math.min(ENTRIES_A_READ, to - next));
          const entries = read.filter(({ offset }) => offset < to);
          const last = entries.at(-1);
          if (last === undefined) break;
          next = last.offset + 1;
          yield { partition, entries };
        }
      }
    },
  };
}
