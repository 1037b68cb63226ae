CREATE TABLE IF NOT EXISTS usage_window
(
  subscriber_id String COMMENT 'opaque subscriber id; names live elsewhere' CODEC(ZSTD(1)),
  window_start DateTime('UTC') COMMENT 'start of the 5-minute window, event time' CODEC(Delta, ZSTD(1)),
  service_class LowCardinality(String) COMMENT 'service class of the traffic' CODEC(ZSTD(1)),
  nas_id LowCardinality(String) COMMENT 'network access server that counted it' CODEC(ZSTD(1)),
  log_partition UInt16 COMMENT 'log partition that owns the subscriber' CODEC(ZSTD(1)),
  plan_id LowCardinality(String) COMMENT 'tariff plan in force when the window was last changed' CODEC(ZSTD(1)),
  down_bytes UInt64 COMMENT 'octets to the subscriber in this window' CODEC(T64, ZSTD(1)),
  up_bytes UInt64 COMMENT 'octets from the subscriber in this window' CODEC(T64, ZSTD(1)),
  estimated Bool COMMENT 'true if part of it was spread over time by estimate' CODEC(ZSTD(1)),
  version UInt64 COMMENT 'log offset + 1 of the last record that changed this row; the highest one counts' CODEC(Delta, ZSTD(1)),
  stored_at DateTime('UTC') DEFAULT now() COMMENT 'when this version was stored; retention counts from here' CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(window_start)
ORDER BY (subscriber_id, window_start, service_class, nas_id, log_partition)
TTL stored_at + INTERVAL 13 MONTH
COMMENT 'Usage by subscriber, 5-minute window, service class and NAS. Holds several versions of a row until merged: read the view usage instead.'
