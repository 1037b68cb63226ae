/** One entry of the log as decoding needs it; `LogEntry` of the storage ports is one. The fold imports no ports. */
export interface EncodedEntry {
  offset: number;
  key: Uint8Array | null;
  value: Uint8Array | null;
  /** value of the `weir-control` header, null on accounting records */
  control: string | null;
  /** ms since 1970 UTC */
  appendTimeMs: number;
}

/** Entries of one partition; `RawBatch` of the storage ports is one. */
export interface EncodedBatch {
  partition: number;
  entries: readonly EncodedEntry[];
}
