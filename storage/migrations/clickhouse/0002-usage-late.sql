CREATE TABLE IF NOT EXISTS usage_late
(
  subscriber_id String COMMENT 'opaque subscriber id' CODEC(ZSTD(1)),
  used_from DateTime64(3, 'UTC') COMMENT 'start of the time this usage belongs to' CODEC(Delta, ZSTD(1)),
  used_to DateTime64(3, 'UTC') COMMENT 'end of the time this usage belongs to' CODEC(Delta, ZSTD(1)),
  service_class LowCardinality(String) COMMENT 'service class of the traffic' CODEC(ZSTD(1)),
  nas_id LowCardinality(String) COMMENT 'network access server that counted it' CODEC(ZSTD(1)),
  log_partition UInt16 COMMENT 'log partition of the record' CODEC(ZSTD(1)),
  log_offset UInt64 COMMENT 'log offset of the record' CODEC(Delta, ZSTD(1)),
  plan_id LowCardinality(String) COMMENT 'tariff plan in force' CODEC(ZSTD(1)),
  down_bytes UInt64 COMMENT 'octets to the subscriber' CODEC(T64, ZSTD(1)),
  up_bytes UInt64 COMMENT 'octets from the subscriber' CODEC(T64, ZSTD(1)),
  stored_at DateTime('UTC') DEFAULT now() COMMENT 'when it was stored; retention counts from here' CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(used_from)
ORDER BY (subscriber_id, used_from, service_class, nas_id, log_partition, log_offset)
TTL stored_at + INTERVAL 13 MONTH
COMMENT 'Usage that arrived after its window was closed, one row a part of a record. The view usage unites it with the windows.'
