-- Requests that have no final answer, the first to expire first: of one device, or with an empty name of the whole shard.
-- Of each: id, name, request, content type, expiry and whether dispatched.
local name, given, limit = unpack(ARGV)
local now = clock(given)
local found = {}
for _, member in ipairs(redis.call("ZRANGE", key(OPEN_REQUESTS), 0, name == "" and limit - 1 or -1)) do
  local id, of = string.match(member, "^([^:]*):(.*)$")
  if name == "" or of == name then
    local fields = redis.call("HMGET", key(REQUEST, member), "request", "type", "expires", "dispatched", "until")
    if not fields[5] or now >= tonumber(fields[5]) then
      redis.call("ZREM", key(OPEN_REQUESTS), member)
    else
      found[#found + 1] = { id, of, unpack(fields, 1, 4) }
    end
  end
end
return reply("open", found)
