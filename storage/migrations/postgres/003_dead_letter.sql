-- Records that could not be metered, with all that is needed to look at them and to replay them.
create table dead_letter (
  topic text not null,
  partition integer not null,
  "offset" bigint not null,
  appended_at timestamptz not null,
  reason text not null,
  detail text not null,
  key bytea,
  value bytea,
  put_at timestamptz not null default clock_timestamp(),
  primary key (topic, partition, "offset")
);
create index dead_letter_put_at on dead_letter (put_at);
