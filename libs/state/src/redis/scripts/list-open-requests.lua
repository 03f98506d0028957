-- Lists requests of the shard that have no final answer, the first to expire first; and whether there are others behind them.
local given, limit, offset = unpack(ARGV)
local now = clock(given)
local found = {}
for _, member in ipairs(redis.call("ZRANGE", key(OPEN_REQUESTS), offset, offset + limit - 1)) do
  local id, name = string.match(member, "^([^:]*):(.*)$")
  local request = load_request(name, id, now)
  if request then found[#found + 1] = told(request) else forget_open(name, id) end
end
return reply("open", found, redis.call("ZCARD", key(OPEN_REQUESTS)) > offset + #found and 1 or 0)
