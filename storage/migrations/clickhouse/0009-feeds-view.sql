CREATE OR REPLACE VIEW feeds AS
SELECT
  f.hour AS hour,
  f.nas_id AS nas_id,
  sum(f.metered + f.zero_delta + f.duplicate + f.reordered + f.baselined + f.late + f.nas_event + f.dead_lettered) AS records,
  sum(f.metered) AS metered,
  sum(f.zero_delta) AS zero_delta,
  sum(f.duplicate) AS duplicate,
  sum(f.reordered) AS reordered,
  sum(f.baselined) AS baselined,
  sum(f.late) AS late,
  sum(f.nas_event) AS nas_event,
  sum(f.dead_lettered) AS dead_lettered,
  sumMap(f.flags) AS flags,
  quantileExactWeighted(0.5)(f.skew_median_ms, greatest(f.metered + f.zero_delta + f.duplicate + f.reordered + f.baselined + f.late + f.nas_event + f.dead_lettered, 1)) AS skew_median_ms,
  argMax(f.skew_max_ms, (abs(f.skew_max_ms), f.skew_max_ms)) AS skew_max_ms,
  max(f.interim_seconds) AS interim_seconds,
  sum(f.open_sessions) AS open_sessions,
  max(f.not_billable) AS not_billable
FROM feed_quality AS f FINAL
GROUP BY f.hour, f.nas_id
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'What the feed of each NAS was like, one row a NAS and hour. The outcomes (metered ... dead_lettered) sum to records; flags stand beside them. skew_median_ms is the partitions'' medians weighted by their records.'
