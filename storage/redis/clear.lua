-- One step of removing a slot: at most ARGV[3] buckets or groups, and when none is left everything else but the epoch.
-- KEYS[1]: meta hash; the slot's other keys share prefix and hash tag. ARGV[1]: token, ARGV[2]: seq of the lease, which every
-- step checks: a new owner's state is never touched. Answers 'more', 'done' or 'rejected'.
-- UNLINK frees in another thread. No command here needs memory: it also works on a server that is full.
local meta = KEYS[1]
local prefix = string.sub(meta, 1, -5)
local stored = redis.call('HMGET', meta, 'token', 'seq')
if stored[1] ~= ARGV[1] or (stored[2] or '0') ~= ARGV[2] then return 'rejected' end

local function removeSome(index, kind)
  local names = redis.call('SRANDMEMBER', prefix .. index, ARGV[3])
  if #names == 0 then return false end
  for i = 1, #names do
    redis.call('UNLINK', prefix .. kind .. names[i])
  end
  redis.call('SREM', prefix .. index, unpack(names))
  return true
end

if removeSome('bk', 'b:') or removeSome('rg', 'r:') then return 'more' end
redis.call('UNLINK', prefix .. 'outbox', prefix .. 'due')
local fields = redis.call('HKEYS', meta)
for i = 1, #fields do
  if fields[i] ~= 'epoch' then redis.call('HDEL', meta, fields[i]) end
end
return 'done'
