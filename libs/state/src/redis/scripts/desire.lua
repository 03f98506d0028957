-- Stores what a resource is to be set to, or withdraws it: ARGV[6] is the value or missing.
local name, of, version, written, given, value = unpack(ARGV)
local now = clock(given)
local values, versions = key(DESIRED_VALUES, name), key(DESIRED_VERSIONS, name)
local last = redis.call("HGET", versions, of)
if last and not is_newer(version, written, version_of(last)) then return reply("older", state_at(name, now)) end
if value and redis.call("HEXISTS", values, of) == 0 and redis.call("HLEN", values) >= MAX_DESIRED_VALUES then
  return reply("full")
end

if value then redis.call("HSET", values, of, value) else redis.call("HDEL", values, of) end
remember_version(name, of, version, written, now)
return reply("stored", state_at(name, now))
