-- Requests of the shard that have no final answer, the first to expire first.
local given, limit, offset = unpack(ARGV)
local now = clock(given)
local found = {}
for _, member in ipairs(redis.call("ZRANGE", key(OPEN_REQUESTS), offset, offset + limit - 1)) do
  local id, name = string.match(member, "^([^:]*):(.*)$")
  local request = load_request(name, id, now)
  if request then found[#found + 1] = request else forget_open(name, id) end
end
return reply("open", listed(found))
