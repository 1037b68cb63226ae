CREATE TABLE IF NOT EXISTS session
(
  subscriber_id String COMMENT 'opaque subscriber id' CODEC(ZSTD(1)),
  started_at DateTime64(3, 'UTC') COMMENT 'start of the session' CODEC(Delta, ZSTD(1)),
  nas_id LowCardinality(String) COMMENT 'network access server of the session' CODEC(ZSTD(1)),
  session_id String COMMENT 'Acct-Session-Id; used again by NAS after a while, hence start and NAS are in the key' CODEC(ZSTD(1)),
  log_partition UInt16 COMMENT 'log partition that owns the subscriber' CODEC(ZSTD(1)),
  service_name LowCardinality(String) COMMENT 'service of the session, empty for the line itself' CODEC(ZSTD(1)),
  ended_at DateTime64(3, 'UTC') COMMENT 'end of the session' CODEC(Delta, ZSTD(1)),
  down_bytes UInt64 COMMENT 'octets to the subscriber over the session' CODEC(T64, ZSTD(1)),
  up_bytes UInt64 COMMENT 'octets from the subscriber over the session' CODEC(T64, ZSTD(1)),
  terminate_cause LowCardinality(String) COMMENT 'why it ended: Acct-Terminate-Cause or the reason it was closed without a Stop' CODEC(ZSTD(1)),
  version UInt64 COMMENT 'log offset + 1 of the last record that changed this row; the highest one counts' CODEC(Delta, ZSTD(1)),
  stored_at DateTime('UTC') DEFAULT now() COMMENT 'when this version was stored; retention counts from here' CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(started_at)
ORDER BY (subscriber_id, started_at, nas_id, session_id)
TTL stored_at + INTERVAL 13 MONTH
COMMENT 'One row a closed session. Holds several versions of a row until merged: read the view sessions instead.'
