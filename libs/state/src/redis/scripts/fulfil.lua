-- A desired value waits no longer, unless a newer one came.
local name, of, version, written, given = unpack(ARGV)
local last = redis.call("HGET", key(DESIRED_VERSIONS, name), of)
if last then
  local last_version, last_written = version_of(last)
  if is_newer(last_version, last_written, version, written) then return reply("newer") end
end

redis.call("HDEL", key(DESIRED_VALUES, name), of)
remember_version(name, of, version, written, (clock(given)))
return reply("done")
