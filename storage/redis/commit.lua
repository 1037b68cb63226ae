-- One commit of one slot. KEYS[1]: the slot's meta hash; its other keys share prefix and hash tag. ARGV[1]: cmsgpack array,
-- see commit-message.ts. Numbers are decimal text: Lua would make doubles of them.
-- Answers 'applied', 'already' or 'rejected'.
-- Lua has no rollback, so the order is the safety: everything that a torn write may leave behind is absolute and
-- carries its own mark; position, seq and commit id come after all of it, in the one write that makes the commit count.
local meta = KEYS[1]
local prefix = string.sub(meta, 1, -5)
local c = cmsgpack.unpack(ARGV[1])
local token, seqBefore, commitId = c[1], c[2], c[3]
local outbox, rows, values, due, undue = c[4], c[5], c[6], c[7], c[8]
local surplus, head, removed = c[9], c[10], c[11]
local deletedGroups, deletedRows = c[12], c[13]

local stored = redis.call('HMGET', meta, 'token', 'seq', 'commit')
if stored[1] ~= token then return 'rejected' end
if stored[3] == commitId then return 'already' end
if (stored[2] or '0') ~= seqBefore then return 'rejected' end

-- unpack() takes about 8,000 values. Even, so that field and value stay together.
local LIMIT = 7000
local function each(command, key, list)
  local size = #list
  if size == 0 then return end
  if size <= LIMIT then
    redis.call(command, key, unpack(list))
    return
  end
  for from = 1, size, LIMIT do
    redis.call(command, key, unpack(list, from, math.min(from + LIMIT - 1, size)))
  end
end

local function hashes(index, kind, list)
  local names = {}
  for i = 1, #list do names[i] = list[i][1] end
  each('SADD', prefix .. index, names)
  for i = 1, #list do each('HSET', prefix .. kind .. list[i][1], list[i][2]) end
end

each('HSET', prefix .. 'outbox', outbox)
hashes('rg', 'r:', rows)
hashes('bk', 'b:', values)
each('ZADD', prefix .. 'due', due)
each('ZREM', prefix .. 'due', undue)
each('HSET', meta, surplus)
redis.call('HSET', meta, unpack(head))
-- They stand there empty with the new position, which readers take for absent. Removed before it, a torn write would leave
-- the old position without a policy that its records were decided by.
each('HDEL', meta, removed)

-- UNLINK: a window of a large slot has 100,000 rows, which DEL would free while everybody waits.
for i = 1, #deletedGroups do
  redis.call('UNLINK', prefix .. 'r:' .. deletedGroups[i])
end
each('SREM', prefix .. 'rg', deletedGroups)
for i = 1, #deletedRows do
  local group = deletedRows[i][1]
  each('HDEL', prefix .. 'r:' .. group, deletedRows[i][2])
  if redis.call('EXISTS', prefix .. 'r:' .. group) == 0 then
    redis.call('SREM', prefix .. 'rg', group)
  end
end
return 'applied'
