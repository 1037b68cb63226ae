CREATE TABLE IF NOT EXISTS feed_quality
(
  hour DateTime('UTC') COMMENT 'hour of the log''s append time' CODEC(Delta, ZSTD(1)),
  nas_id LowCardinality(String) COMMENT 'network access server that sent the records' CODEC(ZSTD(1)),
  log_partition UInt16 COMMENT 'log partition that saw them' CODEC(ZSTD(1)),
  metered UInt64 COMMENT 'records whose octets were counted' CODEC(T64, ZSTD(1)),
  zero_delta UInt64 COMMENT 'records without new octets' CODEC(T64, ZSTD(1)),
  duplicate UInt64 COMMENT 'records that came before' CODEC(T64, ZSTD(1)),
  reordered UInt64 COMMENT 'records that came after a later one' CODEC(T64, ZSTD(1)),
  baselined UInt64 COMMENT 'first records of sessions that began before the feed was counted' CODEC(T64, ZSTD(1)),
  late UInt64 COMMENT 'records after their session was closed' CODEC(T64, ZSTD(1)),
  nas_event UInt64 COMMENT 'Accounting-On and -Off' CODEC(T64, ZSTD(1)),
  dead_lettered UInt64 COMMENT 'records that could not be metered' CODEC(T64, ZSTD(1)),
  flags Map(LowCardinality(String), UInt64) COMMENT 'marks beside the outcome by name, only those that occurred: flags[''absurd'']' CODEC(ZSTD(1)),
  skew_median_ms Int64 COMMENT 'append time - event time, median, ms; negative where the NAS''s clock is ahead' CODEC(T64, ZSTD(1)),
  skew_max_ms Int64 COMMENT 'append time - event time, the one farthest from zero, ms' CODEC(T64, ZSTD(1)),
  interim_seconds Nullable(UInt32) COMMENT 'interim interval, learned or configured; NULL = none known' CODEC(ZSTD(1)),
  open_sessions UInt32 COMMENT 'open sessions at the last record of the hour' CODEC(ZSTD(1)),
  not_billable Bool COMMENT 'true if wraps of its counters can not be told: nobody can bill from its figures' CODEC(ZSTD(1)),
  version UInt64 COMMENT 'log offset + 1 of the last record that changed this row; the highest one counts' CODEC(Delta, ZSTD(1)),
  stored_at DateTime('UTC') DEFAULT now() COMMENT 'when this version was stored; retention counts from here' CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(hour)
ORDER BY (hour, nas_id, log_partition)
TTL stored_at + INTERVAL 13 MONTH
COMMENT 'What the feed of a NAS was like in an hour, as one log partition saw it. Holds several versions of a row until merged: read the view feeds instead.'
