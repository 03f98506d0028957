-- Removes a pointer that still leads to where the caller knows it to lead. KEYS[1] is the pointer; ARGV: what it holds.
if redis.call("GET", KEYS[1]) == ARGV[1] then redis.call("DEL", KEYS[1]) end
return 1
