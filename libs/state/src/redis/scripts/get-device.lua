-- Reads the device and the credential of a name. KEYS[1] is the slot's prefix; ARGV: name.
return { redis.call("HGET", KEYS[1] .. RECORDS .. "device", ARGV[1]), redis.call("HGET", KEYS[1] .. RECORDS .. "credential", ARGV[1]) }
