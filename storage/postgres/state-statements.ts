/** Id of the slot $1 group, $2 topic, $3 partition. */
const SLOT_ID = `(select slot_id from slot_state where slot_group = $1 and topic = $2 and partition = $3)`;

/** $1 group, $2 topic, $3 partition, $4 new token. Locks the slot until the transaction ends. */
export const ACQUIRE = `
  insert into slot_state (slot_group, topic, partition, epoch, token) values ($1, $2, $3, 1, $4)
  on conflict (slot_group, topic, partition)
    do update set epoch = slot_state.epoch + 1, token = excluded.token
  returning slot_id, epoch, seq, position`;

/** $1 slot id. */
export const META = `select field, value from slot_meta where slot_id = $1`;

/** $1 slot id. */
export const OUTBOX = `select n, bytes from slot_outbox where slot_id = $1 order by n`;

/** $1 group, $2 topic, $3 partition. */
export const OWNER = `
  select slot_id, token, seq, commit_id, position from slot_state
  where slot_group = $1 and topic = $2 and partition = $3`;

/** As OWNER; nobody else commits to or acquires the slot until the transaction ends. */
export const OWNER_LOCKED = `${OWNER} for update`;

/** $1 slot id, $2 n int8[], $3 bytea[]. */
export const PUT_OUTBOX = `
  insert into slot_outbox (slot_id, n, bytes) select $1, * from unnest($2::int8[], $3::bytea[])
  on conflict (slot_id, n) do update set bytes = excluded.bytes`;

/** $1 slot id, $2 groups bytea[], $3 fields bytea[], $4 values bytea[]. */
export const PUT_ROWS = `
  insert into slot_row (slot_id, row_group, field, value)
  select $1, * from unnest($2::bytea[], $3::bytea[], $4::bytea[])
  on conflict (slot_id, row_group, field) do update set value = excluded.value`;

/** $1 slot id, $2 keys bytea[], $3 due times int8[]. */
export const PUT_DUE = `
  insert into slot_due (slot_id, key, due_ms) select $1, * from unnest($2::bytea[], $3::int8[])
  on conflict (slot_id, key) do update set due_ms = excluded.due_ms`;

/** $1 slot id, $2 keys bytea[]. */
export const DELETE_DUE = `delete from slot_due where slot_id = $1 and key = any($2::bytea[])`;

/** $1 slot id, $2 buckets int4[], $3 fields bytea[], $4 values bytea[]. */
export const PUT_VALUES = `
  insert into slot_value (slot_id, bucket, field, value)
  select $1, * from unnest($2::int4[], $3::bytea[], $4::bytea[])
  on conflict (slot_id, bucket, field) do update set value = excluded.value`;

/** $1 slot id, $2 fields bytea[], $3 values bytea[]. */
export const PUT_META = `
  insert into slot_meta (slot_id, field, value) select $1, * from unnest($2::bytea[], $3::bytea[])
  on conflict (slot_id, field) do update set value = excluded.value`;

/** $1 slot id, $2 fields bytea[]. */
export const DELETE_META = `delete from slot_meta where slot_id = $1 and field = any($2::bytea[])`;

/** $1 slot id, $2 seq, $3 commit id, $4 position. */
export const ADVANCE = `
  update slot_state set seq = $2, commit_id = $3, position = $4 where slot_id = $1`;

/** $1 slot id, $2 groups bytea[]. */
export const DELETE_GROUPS = `delete from slot_row where slot_id = $1 and row_group = any($2::bytea[])`;

/** $1 slot id, $2 groups bytea[], $3 fields bytea[]. */
export const DELETE_ROWS = `
  delete from slot_row r using unnest($2::bytea[], $3::bytea[]) as gone(row_group, field)
  where r.slot_id = $1 and r.row_group = gone.row_group and r.field = gone.field`;

/** $1 group, $2 topic, $3 partition, $4 n int8[]. */
export const REMOVE_OUTBOX = `delete from slot_outbox where slot_id = ${SLOT_ID} and n = any($4::int8[])`;

/** $1 group, $2 topic, $3 partition, $4 bucket and $5 field after which to begin, $6 limit. */
export const VALUES_PAGE = `
  select bucket, field, value from slot_value
  where slot_id = ${SLOT_ID} and (bucket, field) > ($4::int4, $5::bytea)
  order by bucket, field limit $6`;

/** $1 group, $2 topic, $3 partition, $4 group and $5 field after which to begin, $6 limit. */
export const ROWS_PAGE = `
  select row_group, field, value from slot_row
  where slot_id = ${SLOT_ID} and (row_group, field) > ($4::bytea, $5::bytea)
  order by row_group, field limit $6`;

/** $1 group, $2 topic, $3 partition, $4 row group, $5 first field, $6 limit. */
export const GROUP_PAGE = `
  select row_group, field, value from slot_row
  where slot_id = ${SLOT_ID} and row_group = $4::bytea and field >= $5::bytea
  order by field limit $6`;

/** $1 group, $2 topic, $3 partition, $4 buckets int4[]. */
export const BUCKETS = `
  select bucket, field, value from slot_value where slot_id = ${SLOT_ID} and bucket = any($4::int4[])`;

/** $1 group, $2 topic, $3 partition, $4 groups bytea[], $5 fields bytea[]. One row for each asked, in that order. */
export const ROWS_OF = `
  select r.value
  from unnest($4::bytea[], $5::bytea[]) with ordinality as asked(row_group, field, place)
  left join slot_row r
    on r.slot_id = ${SLOT_ID} and r.row_group = asked.row_group and r.field = asked.field
  order by asked.place`;

/** $1 group, $2 topic, $3 partition, $4 buckets int4[], $5 fields bytea[]. One row for each asked, in that order. */
export const VALUES_OF = `
  select v.value
  from unnest($4::int4[], $5::bytea[]) with ordinality as asked(bucket, field, place)
  left join slot_value v on v.slot_id = ${SLOT_ID} and v.bucket = asked.bucket and v.field = asked.field
  order by asked.place`;

/** $1 group, $2 topic, $3 partition. */
export const OUTBOX_OF = `select n, bytes from slot_outbox where slot_id = ${SLOT_ID} order by n`;

/** $1 group, $2 topic, $3 partition. bytea sorts by its bytes. */
export const DUE = `select key, due_ms from slot_due where slot_id = ${SLOT_ID} order by due_ms, key`;

/**
 * Each removes at most $2 entries of slot id $1, found by their place in the table: no index is walked in step with the deletes.
 * Meta is not among them: it goes with CLEAR_HEAD.
 */
export const CLEAR_SOME = ['slot_value', 'slot_row', 'slot_outbox', 'slot_due'].map(
  (table) =>
    `delete from ${table} where ctid = any(array(select ctid from ${table} where slot_id = $1 limit $2))`,
);

/** $1 slot id, $2 a token that nobody is given. */
export const CLEAR_HEAD = `
  with gone as (delete from slot_meta where slot_id = $1)
  update slot_state set token = $2, seq = 0, position = null, commit_id = null where slot_id = $1`;
