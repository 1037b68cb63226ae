CREATE TABLE IF NOT EXISTS action
(
  subscriber_id String COMMENT 'opaque subscriber id' CODEC(ZSTD(1)),
  action_id String COMMENT 'deterministic id: the same decision has the same id on every replay' CODEC(ZSTD(1)),
  kind LowCardinality(String) COMMENT 'throttle, restore, notify' CODEC(ZSTD(1)),
  policy_id LowCardinality(String) COMMENT 'policy that decided it' CODEC(ZSTD(1)),
  policy_version LowCardinality(String) COMMENT 'version of that policy' CODEC(ZSTD(1)),
  rule LowCardinality(String) COMMENT 'rule within the policy' CODEC(ZSTD(1)),
  cycle_start DateTime64(3, 'UTC') COMMENT 'start of the billing cycle it belongs to' CODEC(Delta, ZSTD(1)),
  ordinal UInt32 COMMENT 'how often this rule has acted on this subscriber in this cycle, from 1' CODEC(ZSTD(1)),
  down_bps UInt64 COMMENT 'speed to the subscriber after this action, bit/s' CODEC(ZSTD(1)),
  up_bps UInt64 COMMENT 'speed from the subscriber after this action, bit/s' CODEC(ZSTD(1)),
  state LowCardinality(String) COMMENT 'pending, sending, delivered, rejected, unknown, held, superseded, dead' CODEC(ZSTD(1)),
  detail String COMMENT 'what the other side answered, one line' CODEC(ZSTD(1)),
  attempts UInt32 COMMENT 'how often it was sent' CODEC(ZSTD(1)),
  decided_at DateTime64(3, 'UTC') COMMENT 'event time at which it was decided' CODEC(Delta, ZSTD(1)),
  log_append_at DateTime64(3, 'UTC') COMMENT 'when the record that caused it reached the log' CODEC(Delta, ZSTD(1)),
  log_partition UInt16 COMMENT 'log partition of the record that caused it' CODEC(ZSTD(1)),
  log_offset UInt64 COMMENT 'log offset of the record that caused it' CODEC(ZSTD(1)),
  explanation String COMMENT 'JSON: each condition with its fact, operator, expected and actual value' CODEC(ZSTD(3)),
  created_at DateTime64(3, 'UTC') COMMENT 'when the ledger took it in' CODEC(Delta, ZSTD(1)),
  updated_at DateTime64(3, 'UTC') COMMENT 'when its state last changed' CODEC(Delta, ZSTD(1)),
  version UInt64 COMMENT 'updated_at in ms since 1970; the highest one counts' CODEC(ZSTD(1)),
  stored_at DateTime('UTC') DEFAULT now() COMMENT 'when this version was stored; retention counts from here' CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (subscriber_id, action_id)
TTL stored_at + INTERVAL 25 MONTH
COMMENT 'One row an action with its latest state. Holds several versions of a row until merged: read the view actions instead.'
