-- What profiles hold becomes rows. Above 50,000 subscribers a job does it in chunks, and each at its first change: within
-- this transaction it would keep the lock on their rows, and the relay waiting, for more than some seconds.
do $$
declare ids text[];
begin
  if (select count(*) from (select from subscriber where account_id is null limit 50001) s) > 50000 then return; end if;
  for ids in
    select array_agg(subscriber_id) from (
      select subscriber_id, row_number() over (order by subscriber_no) as n from subscriber where account_id is null) s
    group by (n - 1) / 2000 order by 1
  loop
    perform weir_absorb_profiles(
      (select jsonb_agg(profile || jsonb_build_object('subscriberId', subscriber_id)) from subscriber
        where subscriber_id = any (ids)), 'EUR');
  end loop;
end $$;
