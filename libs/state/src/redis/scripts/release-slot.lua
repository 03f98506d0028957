-- Gives a slot back that is still ours. KEYS[1] is the slot's key; ARGV: boot id.
if holder(KEYS[1]) == ARGV[1] then redis.call("DEL", KEYS[1]) end
return 1
