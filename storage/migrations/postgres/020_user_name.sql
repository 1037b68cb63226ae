-- RADIUS servers know subscribers by user name.
create index subscriber_user_name on subscriber ((profile ->> 'userName'));
