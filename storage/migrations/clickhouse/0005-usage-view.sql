CREATE OR REPLACE VIEW usage AS
SELECT
  subscriber_id,
  window_start,
  plan_id,
  service_class,
  nas_id,
  down_bytes,
  up_bytes,
  down_bytes + up_bytes AS total_bytes,
  estimated,
  false AS late
FROM usage_window FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
UNION ALL
SELECT
  subscriber_id,
  toStartOfFiveMinutes(toDateTime(used_from, 'UTC')) AS window_start,
  plan_id,
  service_class,
  nas_id,
  down_bytes,
  up_bytes,
  down_bytes + up_bytes AS total_bytes,
  false AS estimated,
  true AS late
FROM usage_late FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Usage, each octet once: sum down_bytes and up_bytes over any filter. late = it arrived after its window was closed; it counts in the window in which it began.'
