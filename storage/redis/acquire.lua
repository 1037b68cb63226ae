-- Makes the caller the slot's owner and answers the head as it is under the new token:
-- {epoch, position or false, seq, meta fields and values alternating, outbox likewise}.
-- KEYS[1]: meta, KEYS[2]: outbox, ARGV[1]: the new token.
local epoch = redis.call('HINCRBY', KEYS[1], 'epoch', 1)
redis.call('HSET', KEYS[1], 'token', ARGV[1])
local head = redis.call('HMGET', KEYS[1], 'position', 'seq')
return {epoch, head[1], head[2] or '0', redis.call('HGETALL', KEYS[1]), redis.call('HGETALL', KEYS[2])}
