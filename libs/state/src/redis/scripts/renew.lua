-- Renews a lease that is still ours. KEYS[1] is the slot's key; ARGV: entry, boot id, lease in ms.
if holder(KEYS[1]) ~= ARGV[2] then return 0 end
redis.call("SET", KEYS[1], ARGV[1], "PX", ARGV[3])
return 1
