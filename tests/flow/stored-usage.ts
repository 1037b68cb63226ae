import { createClient } from '@clickhouse/client';

/** Octets as text, so that nothing is rounded on the way. */
export interface StoredBytes {
  down: bigint;
  up: bigint;
}

/** Usage as ClickHouse holds it: the newest version of each window, and late parts. */
export interface StoredUsage {
  /** JSON [subscriber, window start ms, service class, NAS] -> bytes */
  windows: Map<string, StoredBytes>;
  /** JSON [partition, offset, subscriber, from ms, to ms, service class, NAS] -> bytes */
  late: Map<string, StoredBytes>;
  /** JSON [subscriber, window start ms, service class, NAS] -> bytes: what analysts see */
  view: Map<string, StoredBytes>;
  /** rows of the window table before older versions are dropped, to show that there were any */
  rowsStored: number;
}

/** Reads everything that a database holds of usage. */
export async function readUsage(url: string): Promise<StoredUsage> {
  const client = createClient({ url });
  const read = async (query: string): Promise<string[][]> => {
    const result = await client.query({ query, format: 'JSONCompactEachRow' });
    return result.json<string[]>();
  };
  try {
    const windows = await read(
      `SELECT subscriber_id, toString(toUnixTimestamp(window_start)), service_class, nas_id,
         toString(down_bytes), toString(up_bytes) FROM usage_window FINAL`,
    );
    const late = await read(
      `SELECT toString(log_partition), toString(log_offset), subscriber_id,
         toString(toUnixTimestamp64Milli(used_from)), toString(toUnixTimestamp64Milli(used_to)),
         service_class, nas_id, toString(down_bytes), toString(up_bytes) FROM usage_late FINAL`,
    );
    const view = await read(
      `SELECT subscriber_id, toString(toUnixTimestamp(window_start)), service_class, nas_id,
         toString(sum(down_bytes)), toString(sum(up_bytes)) FROM usage GROUP BY ALL`,
    );
    const [[count = '0'] = []] = await read('SELECT toString(count()) FROM usage_window');
    return {
      windows: new Map(windows.map(windowEntry)),
      late: new Map(late.map(lateEntry)),
      view: new Map(view.map(windowEntry)),
      rowsStored: Number(count),
    };
  } finally {
    await client.close();
  }
}

function windowEntry(row: readonly string[]): [string, StoredBytes] {
  const [subscriber, seconds, serviceClass, nas, down = '', up = ''] = row;
  const key = JSON.stringify([subscriber, Number(seconds) * 1000, serviceClass, nas]);
  return [key, { down: BigInt(down), up: BigInt(up) }];
}

function lateEntry(row: readonly string[]): [string, StoredBytes] {
  const [partition, offset, subscriber, from, to, serviceClass, nas, down = '', up = ''] = row;
  const numbers = [Number(partition), Number(offset)];
  const key = JSON.stringify([...numbers, subscriber, Number(from), Number(to), serviceClass, nas]);
  return [key, { down: BigInt(down), up: BigInt(up) }];
}
