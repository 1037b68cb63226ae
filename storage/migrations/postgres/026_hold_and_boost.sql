-- Actions that put a line on hold or give it a boost.
alter table action drop constraint action_kind_check;
alter table action add constraint action_kind_check
  check (kind in ('throttle', 'restore', 'block', 'redirect', 'hold', 'boost', 'notify', 'overage', 'topup'));
