-- A desired value waits no longer, unless a newer one came.
local name, of, version, given = unpack(ARGV)
local last = redis.call("HGET", key(DESIRED_VERSIONS, name), of)
if last and tonumber(last) > tonumber(version) then return reply("newer") end

redis.call("HDEL", key(DESIRED_VALUES, name), of)
remember_version(name, of, version, (clock(given)))
return reply("done")
